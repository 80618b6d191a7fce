"""The OpenAPI document as one self-contained page: no script, one style sheet whose hash the page's policy names."""

import base64
import hashlib
import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

Escape = Callable[[str], str]

STYLE: Final = """
:root { color-scheme: light dark; --line: #8884; --soft: #8881; --accent: #0a7d6c; }
body { font: 16px/1.55 system-ui, "WenQuanYi Micro Hei", "Noto Sans CJK SC", sans-serif; margin: 0 auto;
  max-width: 60rem; padding: 2rem 1rem 6rem; }
h1 { margin: 0 0 .2rem; } h2 { margin: 3rem 0 .5rem; text-transform: capitalize; }
details { border: 1px solid var(--line); border-radius: .6rem; margin: .5rem 0; }
summary { cursor: pointer; padding: .6rem .9rem; display: flex; gap: .8rem; align-items: baseline; flex-wrap: wrap; }
details > div { border-top: 1px solid var(--line); padding: .4rem 1rem 1rem; }
code, pre { font: 14px/1.5 ui-monospace, "DejaVu Sans Mono", monospace; }
pre { background: var(--soft); border-radius: .5rem; overflow-x: auto; padding: .8rem; }
.method { border-radius: .4rem; color: #fff; font-weight: 600; min-width: 4.2rem; padding: .1rem .4rem;
  text-align: center; }
.get { background: #1667b7; } .post { background: #0a7d6c; } .put { background: #9a6b00; }
.delete { background: #b3261e; }
table { border-collapse: collapse; width: 100%; } td, th { border-bottom: 1px solid var(--line); padding: .35rem .5rem;
  text-align: left; vertical-align: top; }
.muted { opacity: .75; } a { color: var(--accent); }
"""


def render(document: Mapping[str, Any], escape: Escape) -> tuple[str, str]:
    """Return the page and the base64 SHA-256 of its style sheet."""
    style_hash = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
    about = document["info"]
    parts = [
        '<!doctype html><html lang="en"><head><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{escape(about['title'])} REST interface</title><style>{STYLE}</style></head><body>",
        f"<h1>{escape(about['title'])} <span class=muted>{escape(about['version'])}</span></h1>",
        f"<p>{_with_code(escape(about.get('description', '')))}</p>",
        '<p><a href="/openapi.json">The same as an OpenAPI document</a></p>',
    ]
    by_tag: dict[str, list[str]] = {}
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            tag = (operation.get("tags") or ["other"])[0]
            by_tag.setdefault(tag, []).append("".join(_operation(path, method, operation, document, escape)))
    for tag, texts in by_tag.items():
        parts += [f"<h2>{escape(tag)}</h2>", *texts]
    parts.append("</body></html>")
    return "\n".join(parts), style_hash


def _operation(
    path: str, method: str, operation: Mapping[str, Any], document: Mapping[str, Any], escape: Escape
) -> Iterator[str]:
    yield f'<details><summary><span class="method {method}">{method.upper()}</span><code>{escape(path)}</code>'
    yield f"<span class=muted>{escape(operation.get('summary', ''))}</span></summary><div>"
    for paragraph in operation.get("description", "").split("\n\n"):
        yield f"<p>{_with_code(escape(paragraph))}</p>"
    parameters = operation.get("parameters", [])
    if parameters:
        yield "<table><tr><th>parameter<th>in<th>meaning"
        for each in parameters:
            needed = "" if each.get("required") else " <span class=muted>optional</span>"
            yield f"<tr><td><code>{escape(each['name'])}</code>{needed}<td>{each['in']}"
            yield f"<td>{_with_code(escape(each.get('description', '')))}"
        yield "</table>"
    for media_type, content in operation.get("requestBody", {}).get("content", {}).items():
        yield f"<p>Body, <code>{escape(media_type)}</code>:</p>"
        yield from _example(content.get("schema", {}), document, escape)
    yield "<table><tr><th>status<th>meaning"
    for status, response in operation.get("responses", {}).items():
        yield f"<tr><td>{escape(str(status))}<td>{escape(response.get('description', ''))}"
    yield "</table></div></details>\n"


def _with_code(escaped: str) -> str:
    """Return escaped text with what stands between backticks as code."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", escaped)


def _example(schema: Mapping[str, Any], document: Mapping[str, Any], escape: Escape) -> Iterator[str]:
    for each in schema.get("anyOf", [schema]):
        name = str(each.get("$ref", "")).rpartition("/")[2]
        model = document.get("components", {}).get("schemas", {}).get(name, each)
        examples = model.get("examples")
        if examples:
            yield f"<pre>{escape(json.dumps(examples[0], ensure_ascii=False, indent=2))}</pre>"
