"""What is wrong with an answer: as HAL, HAL-FORMS or problem+json, and by an OpenAPI document (3.1)."""

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
except ImportError:  # then bodies are not held against the documentation
    Draft202012Validator, Unresolvable = None, LookupError

Node = dict[str, Any]

HAL, PROBLEM = ("application/hal+json", "application/prs.hal-forms+json"), "application/problem+json"
TYPES = {"hidden", "text", "textarea", "search", "tel", "url", "email", "password", "date", "month", "week",
         "time", "datetime-local", "number", "range", "color"}  # fmt: skip
VARIABLE = r"[A-Za-z0-9_%][\w.%]*(?:\*|:[1-9]\d{0,3})?"
EXPRESSION = re.compile(rf"\{{([+#./;?&]?){VARIABLE}(?:,{VARIABLE})*\}}", re.ASCII)
ODD = re.compile(r"[\s{}<>\"\\^`|]")


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
        """The document, where it is one that can have links."""
        return self.json if "json" in self.media and isinstance(self.json, dict) else {}

    @property
    def allow(self) -> set[str] | None:
        said = self.headers.get("Allow")
        return None if said is None else {word.strip() for word in said.split(",") if word.strip()}


# ---- What a document has ---------------------------------------------------------------------------


def several(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def members(node: Any, name: str) -> Node:
    found = node.get(name) if isinstance(node, dict) else None
    return found if isinstance(found, dict) else {}


def nodes(value: Any) -> Iterator[Node]:
    """Every object of a document that has links, from the document itself down."""
    if isinstance(value, dict):
        if "_links" in value or "_templates" in value:
            yield value
        value = [each for name, each in value.items() if name not in ("_links", "_templates")]
    for each in value if isinstance(value, list) else ():
        yield from nodes(each)


def links(node: Node) -> Iterator[tuple[str, str]]:
    """Each link that can be followed: its rel, and its href with its variables left out.

    Where a path asks for a variable, only the API knows which values there are.
    """
    for rel, value in members(node, "_links").items():
        for link in several(value) if rel != "curies" else ():
            href = link.get("href") if isinstance(link, dict) else None
            if isinstance(href, str) and set(EXPRESSION.findall(href)) <= {"?", "&", "#"}:
                yield rel, EXPRESSION.sub("", href)
    yield from explained(node)


def explained(node: Node) -> Iterator[tuple[str, str]]:
    """Where the curies of a document say that its words are explained."""
    curies = several(members(node, "_links").get("curies", []))
    places = {each.get("name"): each.get("href") for each in curies if isinstance(each, dict)}
    for rel in {*members(node, "_links"), *members(node, "_embedded")}:
        name, colon, word = rel.partition(":")
        if colon and isinstance(places.get(name), str):
            yield rel, places[name].replace("{rel}", word)


def leads(href: Any) -> bool:
    """Whether an href can lead anywhere."""
    try:
        return not ODD.search(href) and urlsplit(urljoin("http://x/", href)).port != 0
    except (TypeError, ValueError):
        return False


# ---- What is wrong with it -------------------------------------------------------------------------


def wrong(answer: Answer) -> Iterator[str]:
    """What is wrong with what was answered, by its own media type."""
    if answer.media not in (*HAL, PROBLEM):
        return
    if not isinstance(answer.json, dict):
        yield f"its {answer.media} is not a JSON object"
    elif answer.media == PROBLEM:
        yield from wrong_problem(answer.json, answer.status)
    else:
        yield from wrong_resource(answer.json, answer.method == "GET")


def wrong_problem(problem: Node, status: int) -> Iterator[str]:
    yield from (f"its problem has no {name}" for name in ("type", "title") if not text(problem.get(name)))
    if problem.get("status") != status:
        yield f"its problem says {problem.get('status')}, the answer is {status}"
    yield from wrong_resource(problem, False)


def wrong_resource(node: Node, whole: bool) -> Iterator[str]:
    """A resource, and all that it embeds; a `whole` one says which it is."""
    yield from (f"{name} is not an object" for name in ("_links", "_embedded", "_templates")
                if not isinstance(node.get(name, {}), dict))  # fmt: skip
    if whole and not isinstance(members(node, "_links").get("self"), dict):
        yield "it has no self"
    for rel, value in members(node, "_links").items():
        yield from (f"link {rel}: {flaw}" for link in several(value) for flaw in wrong_link(link))
    for name, form in members(node, "_templates").items():
        yield from (f"template {name}: {flaw}" for flaw in wrong_form(form, node))
    for rel, value in members(node, "_embedded").items():
        yield from (f"embedded {rel}: {flaw}" for item in several(value) for flaw in wrong_item(item))
    for inner in nodes([each for name, each in node.items() if not name.startswith("_")]):
        yield from (f"inside: {flaw}" for flaw in wrong_resource(inner, False))


def wrong_item(item: Any) -> Iterator[str]:
    yield from wrong_resource(item, True) if isinstance(item, dict) else ["it is not an object"]


def wrong_link(link: Any) -> Iterator[str]:
    if not isinstance(link, dict):
        yield "it is null" if link is None else "it is not an object"
    elif not isinstance(href := link.get("href"), str):
        yield "it has no href that is text"
    elif link.get("templated", False) is not ("{" in href or "}" in href):
        yield "templated is not true exactly where there are braces"
    elif not leads(EXPRESSION.sub("", href)):
        yield f"{href!r} is no URL, and no template of one"


def wrong_form(form: Any, node: Node) -> Iterator[str]:
    if not isinstance(form, dict):
        yield "it is not an object"
        return
    if not text(form.get("method")) or form["method"] != form["method"].upper():
        yield f"its method {form.get('method')!r} is not one in upper case"
    if "target" in form and not (text(form["target"]) and leads(form["target"])):
        yield f"its target {form['target']!r} is no URL"
    elif "target" not in form and "self" not in members(node, "_links"):
        yield "it has no target, nor its document a self"
    for each in several(form.get("properties", [])):
        name = each.get("name") if isinstance(each, dict) else None
        flaws = wrong_property(each) if text(name) else ["it is not an object with a name"]
        yield from (f"property {name!r}: {flaw}" for flaw in flaws)


def wrong_property(each: Node) -> Iterator[str]:
    yield from (f"its {name} is null" for name, value in each.items() if value is None)
    if not text(each.get("type", "text")) or each.get("type", "text") not in TYPES:
        yield f"nobody knows the type {each['type']!r}"
    if "regex" in each and not compiles(each["regex"]):
        yield "its regex does not compile"
    options = each.get("options", {"inline": []})
    inline, link = members(each, "options").get("inline", options), members(options, "link")
    if not isinstance(options, dict) or not (
        isinstance(options.get("inline"), list) or text(link.get("href"))
    ):
        yield f"its options {inline!r} are neither inline nor a link"
    elif not isinstance(options.get("selectedValues", []), list):
        yield "its selectedValues are not a list"


def text(value: Any) -> bool:
    return isinstance(value, str) and bool(value)


def compiles(pattern: Any) -> bool:
    """Whether a pattern is one, and of JavaScript; what it has and Python has not, passes."""
    if not isinstance(pattern, str) or "(?P" in pattern:
        return False
    try:
        with warnings.catch_warnings(action="ignore"):
            re.compile(re.sub(r"\(\?<(?![=!])", "(?P<", pattern))
    except (re.error, OverflowError, RecursionError):
        return bool(re.search(r"\\[pPu]\{|\\c[A-Z]|\\k<", pattern))
    return True


# ---- What is wrong with it by the API's own documentation ------------------------------------------


class Contract:
    """An OpenAPI document, and what it says of an answer."""

    def __init__(self, spec: Node, url: str) -> None:
        server = next(iter(several(spec.get("servers", []))), {})
        base = urlsplit(urljoin(url, str(members({"": server}, "").get("url", "/")))).path.rstrip("/")
        # Where two paths fit, the one with fewer variables is meant.
        paths = sorted(spec["paths"].items(), key=lambda each: each[0].count("{"))
        self.spec, self.items = spec, [(pattern(base + path), item) for path, item in paths]
        self.base = commonpath([base + path for path, _ in paths] or ["/"]).rstrip("/") + "/"

    def wrong(self, answer: Answer) -> Iterator[str]:
        try:
            yield from self.found(answer)
        except (LookupError, TypeError, AttributeError, ValueError, Unresolvable) as error:
            yield f"the documentation of this is broken: {type(error).__name__} {error}"[:200]

    def found(self, answer: Answer) -> Iterator[str]:
        path = urlsplit(answer.url).path.rstrip("/")
        item = next((self.met(item) for fits, item in self.items if fits.fullmatch(path)), None)
        if item is not None:
            yield from self.judged(item, answer)
        elif answer.media in HAL and f"{path}/".startswith(self.base):
            yield "the documentation does not know this path"

    def judged(self, item: Node, answer: Answer) -> Iterator[str]:
        operation, status = item.get(answer.method.lower()), str(answer.status)
        if operation is None:
            if status not in ("405", "501"):
                yield f"the documentation knows no {answer.method} here"
            return
        said = operation.get("responses", {})
        known = next((said[each] for each in (status, f"{status[0]}XX", "default") if each in said), None)
        if known is None:
            yield f"the documentation knows no {status} here"
        elif content := self.met(known).get("content"):
            wild = (answer.media, f"{answer.media.partition('/')[0]}/*", "*/*")
            yield from self.unlike(next((content[each] for each in wild if each in content), None), answer)

    def unlike(self, found: Node | None, answer: Answer) -> Iterator[str]:
        if found is None:
            yield f"the documentation knows no {answer.media} here"
        elif Draft202012Validator and "schema" in found and str(self.spec["openapi"]) >= "3.1":
            whole = {**found["schema"], "components": self.spec.get("components", {})}
            for error in list(Draft202012Validator(whole).iter_errors(answer.json))[:3]:
                yield f"it is not as documented: {error.json_path}: {error.message[:200]}"

    def met(self, node: Node) -> Node:
        found: Any = self.spec
        for step in node["$ref"].split("/")[1:] if "$ref" in node else ():
            found = found[step.replace("~1", "/").replace("~0", "~")]
        return found if "$ref" in node else node


def pattern(path: str) -> re.Pattern[str]:
    parts = re.split(r"(\{[^}]*\})", path.rstrip("/"))
    return re.compile("".join("[^/]+" if part.startswith("{") else re.escape(part) for part in parts))
