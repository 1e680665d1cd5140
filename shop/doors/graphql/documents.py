"""Documents, read once and weighed before anything is done."""

from collections.abc import Iterator
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
    SelectionSetNode,
    get_named_type,
    get_nullable_type,
    is_list_type,
    parse,
    specified_rules,
    validate,
)
from graphql.execution.values import get_argument_values

from shop.doors.graphql.errors import PARSE, VALIDATION, Refused
from shop.doors.graphql.introspection import META, find_length
from shop.doors.graphql.schema import SCHEMA
from shop.doors.web import MOST_ERRORS

TOKENS, DEPTH, ALIASES, COST = 1000, 12, 50, 50_000
LONGEST_ALIAS = 100  # characters; an answer may say it once for each of a thousand values
REPEATED = 20  # what is said twice costs the square of it to compare
LONG, SHORT = 20_000, 2000  # characters of a document; a short one is kept, in a hundred times its size
BARE = 10  # how long a list is taken to be that says nothing of it
REQUEST = 1000  # values for the price of one request; a mutation has it all


Read = tuple[DocumentNode | None, list[dict[str, Any]]]


def read(text: str, introspection: bool) -> Read:
    """A document, or what is wrong with it; short ones are read once."""
    return (kept if len(text) <= SHORT else checked)(text, introspection)


def checked(text: str, introspection: bool) -> Read:
    try:
        document = parse(text, max_tokens=TOKENS, max_source_length=LONG)
    except GraphQLError as error:
        return None, Refused(PARSE, error).errors
    if repeated(document) > REPEATED:
        return None, Refused(VALIDATION, "It says the same thing over and over.").errors
    if has_long_alias(document):
        return None, Refused(VALIDATION, f"An alias has {LONGEST_ALIAS} characters at most.").errors
    rules = [*specified_rules, *(() if introspection else (NoSchemaIntrospectionCustomRule,))]
    errors = validate(SCHEMA, document, rules, max_errors=MOST_ERRORS, hide_suggestions=not introspection)
    return document, Refused(VALIDATION, *errors).errors


kept = lru_cache(64)(checked)


def has_long_alias(node: Node) -> bool:
    """Whether a field goes by a name that is too long to be said over and over in the answer."""
    if isinstance(node, DocumentNode):
        return any(has_long_alias(each) for each in node.definitions)
    if isinstance(node, FieldNode) and node.alias and len(node.alias.value) > LONGEST_ALIAS:
        return True
    inner = getattr(node, "selection_set", None)
    return any(has_long_alias(each) for each in inner.selections) if inner else False


def repeated(node: Node) -> int:
    """How many fields stand beside themselves."""
    if isinstance(node, SelectionSetNode):
        names = [(each.alias or each.name).value for each in node.selections if isinstance(each, FieldNode)]
        below = sum(repeated(each) for each in node.selections)
        return len(names) - len(set(names)) + below
    if isinstance(node, DocumentNode):
        return sum(repeated(each) for each in node.definitions)
    inner = getattr(node, "selection_set", None)
    return repeated(inner) if inner else 0


@dataclass(frozen=True)
class Weight:
    cost: float = 0
    depth: int = 0
    aliases: int = 0

    def beside(self, other: "Weight") -> "Weight":
        return Weight(
            self.cost + other.cost, max(self.depth, other.depth), self.aliases + other.aliases
        )  # fmt: skip

    def within(self, cost: float, times: float, aliased: bool) -> "Weight":
        return Weight(cost + times * self.cost, self.depth + 1, self.aliases + aliased)


@dataclass
class Scale:
    """Weighs the values that an operation may answer with; a fragment once, however often it is spread."""

    fragments: dict[str, FragmentDefinitionNode]
    variables: Any
    known: dict[tuple[str, bool], Weight] = field(default_factory=dict)
    of_all: bool = False  # whether what is weighed is asked of all types of the schema

    def weigh(self, selected: SelectionSetNode | None, parent: GraphQLNamedType) -> Weight:
        found = Weight()
        for each in self.parts(selected, parent):
            found = found.beside(each)
        return found

    def parts(self, selected: SelectionSetNode | None, parent: GraphQLNamedType) -> Iterator[Weight]:
        for node in selected.selections if selected else ():
            if isinstance(node, FieldNode):
                yield self.one(node, parent)
            elif isinstance(node, FragmentSpreadNode):
                yield self.fragment(node.name.value)
            else:
                narrowed = node.type_condition.name.value if node.type_condition else parent.name
                yield self.weigh(node.selection_set, SCHEMA.type_map[narrowed])

    def fragment(self, name: str) -> Weight:
        if (name, self.of_all) not in self.known:
            found = self.fragments[name]
            kind = SCHEMA.type_map[found.type_condition.name.value]
            self.known[name, self.of_all] = self.weigh(found.selection_set, kind)
        return self.known[name, self.of_all]

    def one(self, node: FieldNode, parent: GraphQLNamedType) -> Weight:
        name, aliased = node.name.value, node.alias is not None
        if name in META or parent.name.startswith("__"):
            return self.introspect(node, parent)
        known = parent.fields[name]
        try:
            args = get_argument_values(known, node, self.variables) if known.args else {}
        except GraphQLError:  # which the execution will tell, where it belongs
            args = {}
        times = BARE if is_list_type(get_nullable_type(known.type)) and name not in ("edges", "nodes") else 1
        below = self.weigh(node.selection_set, get_named_type(known.type))
        cost = REQUEST if parent is SCHEMA.mutation_type else 1
        return below.within(cost, max(args.get("first", times), 1), aliased)

    def introspect(self, node: FieldNode, parent: GraphQLNamedType) -> Weight:
        """A question about the schema; how deep it may be is a rule of the validation."""
        name, outer = node.name.value, self.of_all
        known = META.get(name) or parent.fields[name]
        times = find_length(parent.name, name, of_all=outer)
        self.of_all = outer or (parent.name, name) == ("__Schema", "types")
        below = self.weigh(node.selection_set, get_named_type(known.type))
        self.of_all = outer
        return Weight(1 + times * below.cost, 1, below.aliases + (node.alias is not None))


def weigh(document: DocumentNode, operation: OperationDefinitionNode, variables: Any) -> int:
    """What an operation costs, in requests; refused when it is more than one may ask for."""
    fragments = {
        each.name.value: each for each in document.definitions if isinstance(each, FragmentDefinitionNode)
    }
    weight = Scale(fragments, variables).weigh(
        operation.selection_set, SCHEMA.get_root_type(operation.operation)
    )
    for what, limit in (("depth", DEPTH), ("aliases", ALIASES), ("cost", COST)):
        if (found := ceil(getattr(weight, what))) > limit:
            said = found if found < 10**9 else "far more"
            raise Refused(VALIDATION, f"The {what} of this operation is {said}; the limit is {limit}.")
    return max(1, int(weight.cost // REQUEST))
