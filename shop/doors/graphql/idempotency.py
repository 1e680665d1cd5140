"""A mutation with an idempotency key is executed once; a repetition gets the stored answer."""

from copy import copy
from typing import Any

import orjson
from graphql import Executor, GraphQLError, print_ast
from graphql.execution.executor import CollectedErrors
from graphql.execution.values import get_argument_values

from shop.doors.graphql.errors import serialize_error
from shop.doors.graphql.mutations import perform_mutation
from shop.doors.operations import parse_named_key
from shop.hypermedia.fingerprints import build_fingerprints
from shop.model.errors import DomainError
from shop.storage.idempotency import Idempotency, StoredAnswer

JSON, KEY_ARGUMENT = "application/json", "idempotencyKey"


class IdempotentExecutor(Executor):
    """Completes a mutation with a key inside its transaction, so that its answer can be stored there."""

    def execute_field(self, parent_type: Any, source: Any, details: Any, path: Any, position: Any) -> Any:
        node = details[0].node
        argument_names = {argument.name.value for argument in node.arguments or ()}
        if parent_type is not self.schema.mutation_type or KEY_ARGUMENT not in argument_names:
            return super().execute_field(parent_type, source, details, path, position)
        definition = parent_type.fields[node.name.value]
        info = self.build_resolve_info(definition, [each.node for each in details], parent_type, path)
        try:
            args = get_argument_values(
                definition, node, self.variable_values, details[0].fragment_variable_values
            )
            if (key := args.pop(KEY_ARGUMENT, None)) is None:
                return super().execute_field(parent_type, source, details, path, position)
            return perform_mutation(
                self.context_value,
                node.name.value,
                args,
                lambda outcome: self.complete_outcome(outcome, details, info, position),
                self.build_idempotency(key, details, path),
            )
        except Exception as error:  # noqa: BLE001
            self.handle_field_error(error, definition.type, details, path)
            return None

    def complete_outcome(self, outcome: Any, details: Any, info: Any, position: Any) -> Any:
        """Return the complete answer before anything is committed; any error rolls the mutation back."""
        inner = copy(self)
        inner.collected_errors = CollectedErrors()
        try:
            data = inner.complete_value(info.return_type, details, info, info.path, outcome, position)
        except GraphQLError as error:
            raise error.original_error or error from None
        for error in inner.collected_errors.errors:
            raise error.original_error or error
        return data

    def build_idempotency(self, key: str, details: Any, path: Any) -> Idempotency[Any]:
        def restore(answer: StoredAnswer) -> Any:
            if answer.replayed:
                self.context_value.replayed_paths.append(path.key)
            return parse_answer(answer)

        return Idempotency(
            read_key=lambda: parse_named_key(key, KEY_ARGUMENT),
            compute_fingerprints=lambda: self.compute_fingerprints(details),
            store=lambda data: StoredAnswer(200, orjson.dumps(data), JSON),
            store_refusal=serialize_refusal,
            restore=restore,
        )

    def compute_fingerprints(self, details: Any) -> tuple[str, ...]:
        """Return fingerprints of the request: its field with the selection, all fragments, the variables."""
        parts = [print_ast(each.node) for each in details]
        parts += [print_ast(each) for each in self.fragment_definitions.values()]
        variables = orjson.dumps(self.context_value.variables, option=orjson.OPT_SORT_KEYS, default=str)
        return build_fingerprints(b"graphql", "\n".join(parts).encode(), variables)


def serialize_refusal(error: DomainError) -> StoredAnswer:
    return StoredAnswer(409, orjson.dumps(serialize_error(GraphQLError("", original_error=error))), JSON)


def parse_answer(answer: StoredAnswer) -> Any:
    """Return the data of a stored answer, or raise the error that it holds."""
    content = orjson.loads(answer.body)
    if answer.status == 200:
        return content
    raise GraphQLError(content["message"], extensions=content["extensions"])
