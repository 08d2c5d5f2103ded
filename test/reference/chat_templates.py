"""Writes test/text/fixtures/chat-templates.json: what jinja2, configured as transformers does, makes of templates.

    pip install jinja2==3.1.6 && python test/reference/chat_templates.py

Snippets stand in snippets.json (a list of [template, values?]), whole templates in templates/*.jinja.
"""
import json
import pathlib
from datetime import datetime

import jinja2
import jinja2.ext
from jinja2.sandbox import ImmutableSandboxedEnvironment

HERE = pathlib.Path(__file__).parent
CLOCK = datetime(2026, 3, 7, 16, 5, 9)


class Generation(jinja2.ext.Extension):
    """The tag of transformers' AssistantTracker, whose only effect on the text is its scope."""

    tags = {"generation"}

    def parse(self, parser):
        lineno = next(parser.stream).lineno
        body = parser.parse_statements(["name:endgeneration"], drop_needle=True)
        return jinja2.nodes.CallBlock(self.call_method("_body", []), [], [], body).set_lineno(lineno)

    @staticmethod
    def _body(caller):
        return caller()


def environment():
    def raise_exception(message):
        raise jinja2.exceptions.TemplateError(message)

    def tojson(x, ensure_ascii=False, indent=None, separators=None, sort_keys=False):
        return json.dumps(x, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)

    env = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True, extensions=[Generation, jinja2.ext.loopcontrols])
    env.filters["tojson"] = tojson
    env.globals["raise_exception"] = raise_exception
    env.globals["strftime_now"] = CLOCK.strftime
    return env


def render(source, values):
    try:
        return {"text": environment().from_string(source).render(**values)}
    except Exception as error:  # noqa: BLE001: any of them refuses the template
        return {"refused": f"{type(error).__name__}: {error}"[:120]}


def main():
    values = json.loads((HERE / "values.json").read_text())
    cases = []
    for source, *own in json.loads((HERE / "snippets.json").read_text()):
        given = own[0] if own else {}
        cases.append({"source": source, **({"values": given} if own else {}), **render(source, {**values["snippets"], **given})})
    whole = []
    for path in sorted((HERE / "templates").glob("*.jinja")):
        for name, given in values["conversations"].items():
            whole.append({"template": path.name, "conversation": name, **render(path.read_bytes().decode(), {**values["base"], **given})})
    made_by = f"jinja2 {jinja2.__version__} as transformers 5 configures it, test/reference/chat_templates.py"
    out = HERE.parent / "text" / "fixtures" / "chat-templates.json"
    out.write_text(json.dumps({"made_by": made_by, "clock": CLOCK.isoformat(), "cases": cases, "whole": whole}, ensure_ascii=False, indent=0) + "\n")
    refused = [c for c in cases + whole if "refused" in c]
    print(len(cases), "snippets,", len(whole), "whole,", len(refused), "refused")
    for case in refused:
        print("  ", (case.get("source") or case["template"])[:70], "->", case["refused"])


main()
