"""Parse documents, validate them, and compute what they cost before anything is executed."""

from collections.abc import Iterable, Iterator
from copy import copy
from dataclasses import dataclass, field
from functools import lru_cache
from math import ceil
from typing import Any

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    GraphQLNamedType,
    Node,
    NoSchemaIntrospectionCustomRule,
    OperationDefinitionNode,
    OperationType,
    SelectionSetNode,
    get_named_type,
    get_nullable_type,
    is_list_type,
    parse,
    specified_rules,
    validate,
)
from graphql.execution.values import get_argument_values

from shop.doors.graphql.errors import PARSE_FAILED, VALIDATION_FAILED, RequestError
from shop.doors.graphql.introspection import META_FIELDS, estimate_list_length
from shop.doors.graphql.schema import SCHEMA
from shop.hypermedia.error_lists import MAX_ERRORS

MAX_TOKENS, MAX_DEPTH, MAX_ALIASES, MAX_COST = 1000, 12, 50, 50_000
MAX_EVENT_COST = 300  # of each event of a subscription; all subscriptions share one thread
MAX_ALIAS_LENGTH = 100  # characters; an answer may repeat it for each of a thousand values
MAX_REPEATED_FIELDS = 20  # validation compares repeated fields in pairs, so its time grows with their square
MAX_DOCUMENT_LENGTH = 20_000  # characters of a document
MAX_CACHED_LENGTH = 2000  # characters; a cached document takes a hundred times its size
DEFAULT_LIST_LENGTH = 10  # what a list without `first` is assumed to hold
VALUES_PER_REQUEST = 1000  # how many values cost as much as one request; a mutation costs one request


def parse_document(text: str, introspection: bool) -> DocumentNode:
    """Return the document; raise RequestError if it is not valid. Results for short documents are cached."""
    validate_text = validate_document_cached if len(text) <= MAX_CACHED_LENGTH else validate_document
    result = validate_text(text, introspection)
    if isinstance(result, RequestError):
        raise copy(result)  # a cached exception would keep what each request that raised it had in memory
    return result


def validate_document(text: str, introspection: bool) -> DocumentNode | RequestError:
    try:
        document = parse(text, max_tokens=MAX_TOKENS, max_source_length=MAX_DOCUMENT_LENGTH)
    except GraphQLError as error:
        return RequestError(PARSE_FAILED, error)
    if count_repeated_fields(document) > MAX_REPEATED_FIELDS:
        message = f"More than {MAX_REPEATED_FIELDS} fields are repeated; ask for each once."
        return RequestError(VALIDATION_FAILED, message)
    if has_long_alias(document):
        return RequestError(VALIDATION_FAILED, f"An alias has {MAX_ALIAS_LENGTH} characters at most.")
    rules = [*specified_rules, *(() if introspection else (NoSchemaIntrospectionCustomRule,))]
    errors = validate(SCHEMA, document, rules, max_errors=MAX_ERRORS, hide_suggestions=not introspection)
    return RequestError(VALIDATION_FAILED, *errors) if errors else document


validate_document_cached = lru_cache(64)(validate_document)


def iterate_selections(nodes: Iterable[Node]) -> Iterator[list[FieldNode]]:
    """Yield the fields of each selection below these nodes; those of a fragment once."""
    for node in nodes:
        if selected := getattr(node, "selection_set", None):
            yield [each for each in selected.selections if isinstance(each, FieldNode)]
            yield from iterate_selections(selected.selections)


def has_long_alias(document: DocumentNode) -> bool:
    """Whether a field has an alias that is too long to be repeated in the answer."""
    fields = (field for selection in iterate_selections(document.definitions) for field in selection)
    return any(field.alias and len(field.alias.value) > MAX_ALIAS_LENGTH for field in fields)


def count_repeated_fields(document: DocumentNode) -> int:
    """Return how many fields have the same name as another field of the same selection."""
    count = 0
    for selection in iterate_selections(document.definitions):
        names = [(field.alias or field.name).value for field in selection]
        count += len(names) - len(set(names))
    return count


@dataclass(frozen=True)
class Complexity:
    cost: float = 0
    depth: int = 0
    aliases: int = 0

    def __add__(self, other: "Complexity") -> "Complexity":
        depth = max(self.depth, other.depth)
        return Complexity(self.cost + other.cost, depth, self.aliases + other.aliases)

    def nest(self, cost: float, times: float, aliased: bool) -> "Complexity":
        return Complexity(cost + times * self.cost, self.depth + 1, self.aliases + aliased)


@dataclass
class ComplexityMeter:
    """Measures how many values an operation may return; each fragment once, as spreads can double."""

    fragments: dict[str, FragmentDefinitionNode]
    variables: Any
    measured: dict[tuple[str, bool], Complexity] = field(default_factory=dict)
    in_all_types: bool = False  # whether the measured selection is applied to every type of the schema

    def measure_selection(self, selected: SelectionSetNode | None, parent: GraphQLNamedType) -> Complexity:
        return sum(self.measure_parts(selected, parent), Complexity())

    def measure_parts(
        self, selected: SelectionSetNode | None, parent: GraphQLNamedType
    ) -> Iterator[Complexity]:
        for node in selected.selections if selected else ():
            if isinstance(node, FieldNode):
                yield self.measure_field(node, parent)
            elif isinstance(node, FragmentSpreadNode):
                yield self.measure_fragment(node.name.value)
            else:
                narrowed = node.type_condition.name.value if node.type_condition else parent.name
                yield self.measure_selection(node.selection_set, SCHEMA.type_map[narrowed])

    def measure_fragment(self, name: str) -> Complexity:
        if (name, self.in_all_types) not in self.measured:
            fragment = self.fragments[name]
            kind = SCHEMA.type_map[fragment.type_condition.name.value]
            self.measured[name, self.in_all_types] = self.measure_selection(fragment.selection_set, kind)
        return self.measured[name, self.in_all_types]

    def measure_field(self, node: FieldNode, parent: GraphQLNamedType) -> Complexity:
        name, aliased = node.name.value, node.alias is not None
        if name in META_FIELDS or parent.name.startswith("__"):
            return self.measure_introspection(node, parent)
        definition = parent.fields[name]
        try:
            args = get_argument_values(definition, node, self.variables) if definition.args else {}
        except GraphQLError:  # the execution reports it, with its path
            args = {}
        is_list = is_list_type(get_nullable_type(definition.type)) and name not in ("edges", "nodes")
        times = DEFAULT_LIST_LENGTH if is_list else 1
        below = self.measure_selection(node.selection_set, get_named_type(definition.type))
        cost = VALUES_PER_REQUEST if parent is SCHEMA.mutation_type else 1
        return below.nest(cost, max(args.get("first", times), 1), aliased)

    def measure_introspection(self, node: FieldNode, parent: GraphQLNamedType) -> Complexity:
        """Measure a field of introspection; its depth is limited by the validation, not here."""
        name, outer = node.name.value, self.in_all_types
        definition = META_FIELDS.get(name) or parent.fields[name]
        times = estimate_list_length(parent.name, name, of_all=outer)
        self.in_all_types = outer or (parent.name, name) == ("__Schema", "types")
        below = self.measure_selection(node.selection_set, get_named_type(definition.type))
        self.in_all_types = outer
        return Complexity(1 + times * below.cost, 1, below.aliases + (node.alias is not None))


def compute_request_cost(document: DocumentNode, operation: OperationDefinitionNode, variables: Any) -> int:
    """Return the cost of an operation, in requests; raise RequestError if it exceeds a limit."""
    fragments = {
        each.name.value: each for each in document.definitions if isinstance(each, FragmentDefinitionNode)
    }
    complexity = ComplexityMeter(fragments, variables).measure_selection(
        operation.selection_set, SCHEMA.get_root_type(operation.operation)
    )
    max_cost = MAX_EVENT_COST if operation.operation is OperationType.SUBSCRIPTION else MAX_COST
    for measure, limit in (("depth", MAX_DEPTH), ("aliases", MAX_ALIASES), ("cost", max_cost)):
        if (value := ceil(getattr(complexity, measure))) > limit:
            shown = value if value < 10**9 else "far more"
            message = f"The {measure} of this operation is {shown}; the limit is {limit}."
            raise RequestError(VALIDATION_FAILED, message)
    return max(1, int(complexity.cost // VALUES_PER_REQUEST))
