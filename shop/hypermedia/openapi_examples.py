"""Examples in an OpenAPI document: at media types and parameters, where tools read them.

They are made of the examples of single members, which stand on the fields.
"""

from collections.abc import Mapping
from typing import Any

from shop.hypermedia.openapi_parts import build_reference

Node = dict[str, Any]
LINK = build_reference("schemas", "Link")
PARTIAL = ["_etag", "_links"]  # all that an answer has for certain, where members may be chosen
KINDS = {"type", "$ref", "anyOf", "enum", "const"}  # a member with none of them is ignored
INSTANT = "2026-05-04T09:30:00Z"


class ExampleWriter:
    def __init__(self, parts: Node, root: str) -> None:
        self.schemas, self.responses, self.root = parts["schemas"], parts["responses"], root
        self.url = root  # of the present operation
        self.known: dict[str, Any] = {}  # the first example of a member of this name
        for kind, schema in self.schemas.items():
            for name, member in schema.get("properties", {}).items() if kind != "Problem" else ():
                for example in member.get("examples", ())[:1]:
                    self.known.setdefault(name, example)

    def complete_operation(self, path: str, operation: Node) -> None:
        self.url = self.root + path.replace("{id}", "7")
        for parameter in operation.get("parameters", ()):
            if "schema" in parameter and parameter["name"] != "_etag":  # no tag is good for all
                parameter.setdefault("example", self.build(parameter["schema"], parameter["name"]))
        for holder in (operation.get("requestBody", {}), *operation["responses"].values()):
            self.complete_content(holder)

    def complete_content(self, holder: Node) -> None:
        for media in holder.get("content", {}).values():
            media["example"] = self.build(media["schema"])

    def complete_problems(self, codes: Mapping[str, str]) -> None:
        """Complete the problems; `codes` are those of the types, by their titles."""
        for name, response in self.responses.items():
            self.complete_content(response)
            title = response["description"]
            code = codes.get(title)
            kind = {"type": f"{self.root}/profile#{code}"} if code else {}
            facts = {
                **kind,
                "title": title,
                "status": int(name.removeprefix("Problem")),
                "detail": f"{title}.",
            }
            for media in response["content"].values():
                media["example"] = {**media["example"], **facts}

    def build(self, schema: Node, name: str = "") -> Any:
        """Return an example of a schema; of a member without its own, that of another one of its name."""
        if schema == LINK:
            return {"href": self.url}
        if "$ref" in schema:
            schema = self.schemas[schema["$ref"].rpartition("/")[2]]
        if "anyOf" in schema:
            return schema.get("default") or self.build(schema["anyOf"][0], name)
        for word in ("examples", "enum"):
            if word in schema:
                return schema[word][0]
        if "const" in schema:
            return schema["const"]
        return self.build_by_type(schema, name)

    def build_by_type(self, schema: Node, name: str) -> Any:
        match schema.get("type"):
            case "object":
                return self.build_object(schema)
            case "array":
                return [self.build(schema["items"], name)]
            case "boolean":
                return False
            case "integer" | "number":
                return schema.get("default", self.known.get(name, schema.get("minimum", 1)))
            case _:
                return self.build_text(schema, name)

    def build_object(self, schema: Node) -> Node:
        """Return an object with its required members; of an input, with all but the hidden ones."""
        if "properties" not in schema:
            return {"self": {"href": self.url}} if "additionalProperties" in schema else {}
        members, required = schema["properties"], schema.get("required", ())
        is_whole_answer = "_links" in required and required != PARTIAL
        names = [name for name in members if name in required or not (is_whole_answer or name[0] == "_")]
        return {name: self.build(members[name], name) for name in names if members[name].keys() & KINDS}

    def build_text(self, schema: Node, name: str) -> str:
        by_format = {"date-time": INSTANT, "uri": self.url, "uri-reference": "/api"}
        return self.known.get(name, by_format.get(schema.get("format", ""), name or "text"))
