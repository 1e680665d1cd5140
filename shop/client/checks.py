"""Checks of an answer against HAL, HAL-FORMS, problem+json and an OpenAPI 3.1 document."""

import json
import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from os.path import commonpath
from typing import Any
from urllib.parse import urljoin, urlsplit

try:
    from jsonschema import Draft202012Validator
    from referencing.exceptions import Unresolvable
except ImportError:  # without it, bodies are not checked against their schemas
    Draft202012Validator, Unresolvable = None, LookupError

Node = dict[str, Any]

HAL_TYPES = ("application/hal+json", "application/prs.hal-forms+json")
PROBLEM_TYPE = "application/problem+json"
FIELD_TYPES = {
    "hidden", "text", "textarea", "search", "tel", "url", "email", "password", "date", "month", "week",
    "time", "datetime-local", "number", "range", "color",
}  # fmt: skip
TEMPLATE_VARIABLE = r"[A-Za-z0-9_%][\w.%]*(?:\*|:[1-9]\d{0,3})?"
TEMPLATE_EXPRESSION = re.compile(rf"\{{([+#./;?&]?){TEMPLATE_VARIABLE}(?:,{TEMPLATE_VARIABLE})*\}}", re.ASCII)
FORBIDDEN_IN_URL = re.compile(r"[\s{}<>\"\\^`|]")


@dataclass(frozen=True)
class Answer:
    url: str
    method: str
    status: int
    headers: Any
    body: bytes

    @property
    def media(self) -> str:
        return self.headers.get("Content-Type", "").partition(";")[0].strip().lower()

    @cached_property
    def json(self) -> Any:
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
            return None

    @property
    def node(self) -> Node:
        """The JSON object in the body; empty if there is none."""
        return self.json if "json" in self.media and isinstance(self.json, dict) else {}

    @property
    def allow(self) -> set[str] | None:
        value = self.headers.get("Allow")
        return None if value is None else {name.strip() for name in value.split(",") if name.strip()}


# ---- Parts of a document ----------------------------------------------------------------------------


def to_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def get_object(node: Any, name: str) -> Node:
    value = node.get(name) if isinstance(node, dict) else None
    return value if isinstance(value, dict) else {}


def get_first(node: Node, *names: str) -> Any:
    """Return the first of these members that there is, or None."""
    return next((node[name] for name in names if name in node), None)


def find_resources(value: Any) -> Iterator[Node]:
    """Yield every object with links or forms, from the document itself downwards."""
    if isinstance(value, dict):
        if "_links" in value or "_templates" in value:
            yield value
        value = [each for name, each in value.items() if name not in ("_links", "_templates")]
    for each in value if isinstance(value, list) else ():
        yield from find_resources(each)


def find_links(node: Node) -> Iterator[tuple[str, str]]:
    """Yield the rel and href of each link, without the optional variables of URI templates.

    Links with variables in their path are left out, because only the API knows the possible values.
    """
    for rel, value in get_object(node, "_links").items():
        for link in to_list(value) if rel != "curies" else ():
            href = link.get("href") if isinstance(link, dict) else None
            if isinstance(href, str) and set(TEMPLATE_EXPRESSION.findall(href)) <= {"?", "&", "#"}:
                yield rel, TEMPLATE_EXPRESSION.sub("", href)
    yield from find_curie_links(node)


def find_curie_links(node: Node) -> Iterator[tuple[str, str]]:
    """Yield the documentation links that the curies of a document define."""
    curies = to_list(get_object(node, "_links").get("curies", []))
    templates = {each.get("name"): each.get("href") for each in curies if isinstance(each, dict)}
    for rel in {*get_object(node, "_links"), *get_object(node, "_embedded")}:
        prefix, colon, word = rel.partition(":")
        if colon and isinstance(templates.get(prefix), str):
            yield rel, templates[prefix].replace("{rel}", word)


def is_url(href: Any) -> bool:
    """Whether an href is a valid URL reference."""
    try:
        return not FORBIDDEN_IN_URL.search(href) and urlsplit(urljoin("http://x/", href)).port != 0
    except (TypeError, ValueError):
        return False


# ---- Checks by media type ---------------------------------------------------------------------------


def check_answer(answer: Answer) -> Iterator[str]:
    """Yield the flaws of an answer according to its media type."""
    if answer.media not in (*HAL_TYPES, PROBLEM_TYPE):
        return
    if not isinstance(answer.json, dict):
        yield f"its {answer.media} is not a JSON object"
    elif answer.media == PROBLEM_TYPE:
        yield from check_problem(answer.json, answer.status)
    else:
        yield from check_resource(answer.json, answer.method == "GET")


def check_problem(problem: Node, status: int) -> Iterator[str]:
    yield from (f"its problem has no {name}" for name in ("type", "title") if not is_text(problem.get(name)))
    if problem.get("status") != status:
        yield f"its problem says {problem.get('status')}, the answer is {status}"
    yield from check_resource(problem, False)


def check_resource(node: Node, must_have_self: bool) -> Iterator[str]:
    """Check a resource and everything it embeds."""
    yield from (f"{name} is not an object" for name in ("_links", "_embedded", "_templates")
                if not isinstance(node.get(name, {}), dict))  # fmt: skip
    if must_have_self and not isinstance(get_object(node, "_links").get("self"), dict):
        yield "it has no self"
    for rel, value in get_object(node, "_links").items():
        yield from (f"link {rel}: {flaw}" for link in to_list(value) for flaw in check_link(link))
    for name, form in get_object(node, "_templates").items():
        yield from (f"template {name}: {flaw}" for flaw in check_form(form, node))
    for rel, value in get_object(node, "_embedded").items():
        yield from (f"embedded {rel}: {flaw}" for item in to_list(value) for flaw in check_item(item))
    for inner in find_resources([each for name, each in node.items() if not name.startswith("_")]):
        yield from (f"inside: {flaw}" for flaw in check_resource(inner, False))


def check_item(item: Any) -> Iterator[str]:
    yield from check_resource(item, True) if isinstance(item, dict) else ["it is not an object"]


def check_link(link: Any) -> Iterator[str]:
    if not isinstance(link, dict):
        yield "it is null" if link is None else "it is not an object"
    elif not isinstance(href := link.get("href"), str):
        yield "it has no href that is text"
    elif link.get("templated", False) is not ("{" in href or "}" in href):
        yield "templated is not true exactly where there are braces"
    elif not is_url(TEMPLATE_EXPRESSION.sub("", href)):
        yield f"{href!r} is no URL, and no template of one"


def check_form(form: Any, node: Node) -> Iterator[str]:
    if not isinstance(form, dict):
        yield "it is not an object"
        return
    if not is_text(form.get("method")) or form["method"] != form["method"].upper():
        yield f"its method {form.get('method')!r} is not one in upper case"
    if "target" in form and not (is_text(form["target"]) and is_url(form["target"])):
        yield f"its target {form['target']!r} is no URL"
    elif "target" not in form and "self" not in get_object(node, "_links"):
        yield "it has no target, nor its document a self"
    for each in to_list(form.get("properties", [])):
        name = each.get("name") if isinstance(each, dict) else None
        flaws = check_property(each) if is_text(name) else ["it is not an object with a name"]
        yield from (f"property {name!r}: {flaw}" for flaw in flaws)


def check_property(form_field: Node) -> Iterator[str]:
    yield from (f"its {name} is null" for name, value in form_field.items() if value is None)
    if not is_text(form_field.get("type", "text")) or form_field.get("type", "text") not in FIELD_TYPES:
        yield f"nobody knows the type {form_field['type']!r}"
    if "regex" in form_field and not is_regex(form_field["regex"]):
        yield "its regex does not compile"
    options = form_field.get("options", {"inline": []})
    inline, link = get_object(form_field, "options").get("inline", options), get_object(options, "link")
    if not isinstance(options, dict) or not (
        isinstance(options.get("inline"), list) or is_text(link.get("href"))
    ):
        yield f"its options {inline!r} are neither inline nor a link"
    elif not isinstance(options.get("selectedValues", []), list):
        yield "its selectedValues are not a list"


def is_text(value: Any) -> bool:
    return isinstance(value, str) and bool(value)


def is_regex(pattern: Any) -> bool:
    """Whether a pattern is a valid JavaScript regex; syntax that only JavaScript knows is accepted."""
    if not isinstance(pattern, str) or "(?P" in pattern:
        return False
    try:
        with warnings.catch_warnings(action="ignore"):
            re.compile(re.sub(r"\(\?<(?![=!])", "(?P<", pattern))
    except (re.error, OverflowError, RecursionError):
        return bool(re.search(r"\\[pPu]\{|\\c[A-Z]|\\k<", pattern))
    return True


# ---- Checks against the OpenAPI document ------------------------------------------------------------


class Contract:
    """An OpenAPI document that answers can be checked against."""

    def __init__(self, spec: Node, url: str) -> None:
        server = next(iter(to_list(spec.get("servers", []))), {})
        base = urlsplit(urljoin(url, str(get_object({"": server}, "").get("url", "/")))).path.rstrip("/")
        # If two paths match, the one with fewer variables applies.
        paths = sorted(spec["paths"].items(), key=lambda each: each[0].count("{"))
        self.spec, self.items = spec, [(compile_path(base + path), item) for path, item in paths]
        self.base = commonpath([base + path for path, _ in paths] or ["/"]).rstrip("/") + "/"

    def check(self, answer: Answer) -> Iterator[str]:
        try:
            yield from self.check_path(answer)
        except (LookupError, TypeError, AttributeError, ValueError, Unresolvable) as error:
            yield f"the documentation of this is broken: {type(error).__name__} {error}"[:200]

    def check_path(self, answer: Answer) -> Iterator[str]:
        path = urlsplit(answer.url).path.rstrip("/")
        matching_items = [item for path_pattern, item in self.items if path_pattern.fullmatch(path)]
        if matching_items:
            yield from self.check_operation(self.resolve_reference(matching_items[0]), answer)
        elif answer.media in HAL_TYPES and f"{path}/".startswith(self.base):
            yield "the documentation does not know this path"

    def check_operation(self, item: Node, answer: Answer) -> Iterator[str]:
        operation, status = item.get(answer.method.lower()), str(answer.status)
        if operation is None:
            if status not in ("405", "501"):
                yield f"the documentation knows no {answer.method} here"
            return
        responses = operation.get("responses", {})
        response_spec = get_first(responses, status, f"{status[0]}XX", "default")
        if response_spec is None:
            yield f"the documentation knows no {status} here"
        elif content := self.resolve_reference(response_spec).get("content"):
            type_range = f"{answer.media.partition('/')[0]}/*"
            yield from self.check_body(get_first(content, answer.media, type_range, "*/*"), answer)

    def check_body(self, media_type: Node | None, answer: Answer) -> Iterator[str]:
        if media_type is None:
            yield f"the documentation knows no {answer.media} here"
        elif Draft202012Validator and "schema" in media_type and str(self.spec["openapi"]) >= "3.1":
            schema = {**media_type["schema"], "components": self.spec.get("components", {})}
            for error in list(Draft202012Validator(schema).iter_errors(answer.json))[:3]:
                yield f"it is not as documented: {error.json_path}: {error.message[:200]}"

    def resolve_reference(self, node: Node) -> Node:
        target: Any = self.spec
        for step in node["$ref"].split("/")[1:] if "$ref" in node else ():
            target = target[step.replace("~1", "/").replace("~0", "~")]
        return target if "$ref" in node else node


def compile_path(path: str) -> re.Pattern[str]:
    parts = re.split(r"(\{[^}]*\})", path.rstrip("/"))
    return re.compile("".join("[^/]+" if part.startswith("{") else re.escape(part) for part in parts))
