"""A mutation under an idempotency key is made once; whoever asks again gets the answer it gave."""

from copy import copy
from typing import Any

import orjson
from graphql import Executor, GraphQLError, print_ast
from graphql.execution.executor import CollectedErrors
from graphql.execution.values import get_argument_values

from shop.doors.graphql.errors import told
from shop.doors.graphql.mutations import prepared
from shop.doors.web import fingerprints, plain_key
from shop.model.errors import DomainError, Invalid
from shop.storage.idempotency import StoredAnswer, execute_once

JSON, KEY = "application/json", "idempotencyKey"


class Keyed(Executor):
    def execute_field(self, parent_type: Any, source: Any, details: Any, path: Any, position: Any) -> Any:
        node = details[0].node
        named = {each.name.value for each in node.arguments or ()}
        if parent_type is not self.schema.mutation_type or KEY not in named:
            return super().execute_field(parent_type, source, details, path, position)
        known = parent_type.fields[node.name.value]
        try:
            args = get_argument_values(known, node, self.variable_values, details[0].fragment_variable_values)
            if (key := args.pop(KEY, None)) is None:
                return super().execute_field(parent_type, source, details, path, position)
            ask = self.context_value
            ask.ready[path.key] = prepared(ask, node.name.value, args)

            def act() -> StoredAnswer:
                return self.made(parent_type, source, details, path, position)

            answer = execute_once(ask.ctx, keyed(key), self.fingerprints(details), act, refused)
            ask.replayed += [path.key] if answer.replayed else []
            return self.given(answer)
        except Exception as error:  # noqa: BLE001
            self.handle_field_error(error, known.type, details, path)
            return None

    def made(self, *field: Any) -> StoredAnswer:
        """The whole answer, before anything is committed; what is not whole was not done."""
        inner = copy(self)
        inner.collected_errors = CollectedErrors()
        data = Executor.execute_field(inner, *field)
        for error in inner.collected_errors.errors:
            raise error.original_error or error
        return StoredAnswer(200, orjson.dumps(data), JSON)

    def given(self, answer: StoredAnswer) -> Any:
        said = orjson.loads(answer.body)
        if answer.status == 200:
            return said
        raise GraphQLError(said["message"], extensions=said["extensions"])

    def fingerprints(self, details: Any) -> tuple[str, ...]:
        """What makes a request the same: what it says, down to what it wants to know."""
        said = [print_ast(each.node) for each in details]
        said += [print_ast(each) for each in self.fragment_definitions.values()]
        variables = orjson.dumps(self.context_value.variables, option=orjson.OPT_SORT_KEYS, default=str)
        return fingerprints(b"graphql", "\n".join(said).encode(), variables)


def refused(error: DomainError) -> StoredAnswer:
    return StoredAnswer(409, orjson.dumps(told(GraphQLError("", original_error=error))), JSON)


def keyed(said: str) -> str:
    if (key := plain_key(said)) is None:
        raise Invalid("A key is one string of 1 to 255 plain characters.", errors={KEY: ["Not a valid key."]})
    return key
