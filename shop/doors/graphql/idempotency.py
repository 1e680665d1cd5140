"""A mutation with an idempotency key is executed once; a repetition gets the stored answer."""

from copy import copy
from typing import Any

import orjson
from graphql import Executor, GraphQLError, print_ast
from graphql.execution.executor import CollectedErrors
from graphql.execution.values import get_argument_values

from shop.doors.graphql.errors import serialize_error
from shop.doors.graphql.mutations import prepare_move
from shop.hypermedia.fingerprints import build_fingerprints, parse_key
from shop.model.errors import DomainError, Invalid
from shop.storage.idempotency import StoredAnswer, execute_once

JSON, KEY_ARGUMENT = "application/json", "idempotencyKey"


class IdempotentExecutor(Executor):
    def execute_field(self, parent_type: Any, source: Any, details: Any, path: Any, position: Any) -> Any:
        node = details[0].node
        argument_names = {each.name.value for each in node.arguments or ()}
        if parent_type is not self.schema.mutation_type or KEY_ARGUMENT not in argument_names:
            return super().execute_field(parent_type, source, details, path, position)
        definition = parent_type.fields[node.name.value]
        try:
            args = get_argument_values(
                definition, node, self.variable_values, details[0].fragment_variable_values
            )
            if (key := args.pop(KEY_ARGUMENT, None)) is None:
                return super().execute_field(parent_type, source, details, path, position)
            context = self.context_value
            context.prepared_moves[path.key] = prepare_move(context, node.name.value, args)

            def run() -> StoredAnswer:
                return self.compute_answer(parent_type, source, details, path, position)

            answer = execute_once(
                context.ctx,
                parse_idempotency_key(key),
                self.compute_fingerprints(details),
                run,
                serialize_refusal,
            )
            context.replayed_paths += [path.key] if answer.replayed else []
            return self.read_answer(answer)
        except Exception as error:  # noqa: BLE001
            self.handle_field_error(error, definition.type, details, path)
            return None

    def compute_answer(self, *field: Any) -> StoredAnswer:
        """Return the complete answer before anything is committed; any error rolls the mutation back."""
        inner = copy(self)
        inner.collected_errors = CollectedErrors()
        data = Executor.execute_field(inner, *field)
        for error in inner.collected_errors.errors:
            raise error.original_error or error
        return StoredAnswer(200, orjson.dumps(data), JSON)

    def read_answer(self, answer: StoredAnswer) -> Any:
        content = orjson.loads(answer.body)
        if answer.status == 200:
            return content
        raise GraphQLError(content["message"], extensions=content["extensions"])

    def compute_fingerprints(self, details: Any) -> tuple[str, ...]:
        """Return fingerprints of the request: its field with the selection, all fragments, the variables."""
        parts = [print_ast(each.node) for each in details]
        parts += [print_ast(each) for each in self.fragment_definitions.values()]
        variables = orjson.dumps(self.context_value.variables, option=orjson.OPT_SORT_KEYS, default=str)
        return build_fingerprints(b"graphql", "\n".join(parts).encode(), variables)


def serialize_refusal(error: DomainError) -> StoredAnswer:
    return StoredAnswer(409, orjson.dumps(serialize_error(GraphQLError("", original_error=error))), JSON)


def parse_idempotency_key(text: str) -> str:
    if (key := parse_key(text)) is None:
        raise Invalid(
            "A key is one string of 1 to 255 plain characters.", errors={KEY_ARGUMENT: ["Not a valid key."]}
        )
    return key
