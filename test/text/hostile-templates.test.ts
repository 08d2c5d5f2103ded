import { describe, expect, it } from "vitest";
import { RENDER_LIMITS } from "../../src/text/jinja/budget.ts";
import { JinjaError } from "../../src/text/jinja/errors.ts";
import { parse } from "../../src/text/jinja/parser.ts";
import { render } from "../../src/text/jinja/renderer.ts";
import { fromJson } from "../../src/text/jinja/values.ts";

const forty = (statement: string): string => `{% set x = start %}${statement.repeat(40)}`;
const twins = `{% set x = [start] %}{% set y = [start ~ ''] %}${"{% set x = [x, x] %}{% set y = [y, y] %}".repeat(40)}`;
const values = new Map([
  ["start", fromJson("ab")],
  ["one", fromJson([1])],
  ["long", fromJson("a ".repeat(50_000))],
  ["empty", fromJson("")],
]);
const run = (source: string): string => render(parse(source), values);

/** Templates that would take time or memory without end, and what they do. The limit on time is the timeout. */
const HOSTILE: readonly (readonly [string, string])[] = [
  ["lists that double, printed", `${forty("{% set x = [x, x] %}")}{{ x }}`],
  ["lists that double, as JSON", `${forty("{% set x = [x, x] %}")}{{ x | tojson }}`],
  ["lists that double, compared", `${twins}{{ x == y }}`],
  ["lists that double, looked for", `${twins}{{ x in [y] }}`],
  ["tuples that double, as keys", `${forty("{% set x = (x, x) %}")}{{ {x: 1} }}`],
  ["tuples that double, unique", `${forty("{% set x = (x, x) %}")}{{ [x, x] | unique | list | length }}`],
  ["mappings that double", `${forty("{% set x = {'a': x, 'b': x} %}")}{{ x }}`],
  ["texts that double", `${forty("{% set x = x + x %}")}{{ x | length }}`],
  ["texts that double with ~", `${forty("{% set x = x ~ x %}")}{{ x | length }}`],
  ["texts that double with replace", `${forty("{% set x = x | replace('a', 'aa') %}")}`],
  ["texts that double with join", `${forty("{% set x = [x, x] | join %}")}`],
  ["texts that double with format", `${forty("{% set x = '%s%s' % (x, x) %}")}`],
  ["texts that double with str.format", `${forty("{% set x = '{0}{0}'.format(x) %}")}`],
  ["lists that double with +", `{% set x = one %}${"{% set x = x + x %}".repeat(40)}`],
  ["lists that double with sum", `{% set x = one %}${"{% set x = [x, x] | sum(start=[]) %}".repeat(40)}`],
  ["a text times a number", "{{ start * 1000000000 }}"],
  ["a list times a number", "{{ (one * 1000000000) | length }}"],
  ["wide formats", "{{ '%100000000s' % 'a' }}"],
  ["wide formats in braces", "{{ '{:>100000000}'.format('a') }}"],
  ["many wide formats", "{% for i in range(1000) %}{% set ns = '{:>1000000}'.format('a') %}{% endfor %}"],
  ["wide centring", "{% for i in range(10000) %}{% set x = 'a'.center(1000000) %}{% endfor %}"],
  ["a range too large", "{{ range(1000000000) | list }}"],
  ["loops in loops", "{% for a in range(100000) %}{% for b in range(100000) %}{% endfor %}{% endfor %}"],
  ["loops that write", "{% for a in range(100000) %}{{ long }}{% endfor %}"],
  ["loops that search", "{% for a in range(100000) %}{% if 'x' in long %}{% endif %}{% endfor %}"],
  ["loops that split", "{% for a in range(100000) %}{% set x = long.split() %}{% endfor %}"],
  ["loops that sort", "{% set x = long.split() %}{% for a in range(1000) %}{% set y = x | sort %}{% endfor %}"],
  ["loops that strip", "{% for a in range(100000) %}{% set x = long.strip('x') %}{% endfor %}"],
  ["loops that measure", "{% set x = '😀' ~ long %}{% for a in range(100000) %}{% set y = x | length %}{% endfor %}"],
  ["loops that take items", "{% set x = '😀' ~ long %}{% for a in range(100000) %}{% set y = x[99999] %}{% endfor %}"],
  ["loops that escape", "{% for a in range(100000) %}{% set y = long | e | urlencode | title | upper %}{% endfor %}"],
  ["loops that reverse", "{% for a in range(100000) %}{% set y = long | reverse %}{% endfor %}"],
  ["loops that split at the end", "{% for a in range(1000) %}{% set y = long.rsplit(none, 100000) %}{% endfor %}"],
  ["loops that filter", "{% for a in range(100000) %}{% for b in range(1000) if b > 1000 %}{% endfor %}{% endfor %}"],
  ["loops that map", "{% for a in range(100000) %}{% set y = range(1000) | map('string') | list %}{% endfor %}"],
  ["macros that call themselves", "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}"],
  ["macros that call themselves twice", "{% macro m(n) %}{% if n %}{{ m(n - 1) }}{{ m(n - 1) }}{% endif %}{% endmacro %}{{ m(60) }}"],
  ["macros by caller", "{% macro m() %}{{ caller() }}{% call m() %}{{ caller() }}{% endcall %}{% endmacro %}{% call m() %}x{% endcall %}"],
  ["loops that call themselves", "{% for x in [one] recursive %}{{ loop([x]) }}{% endfor %}"],
  ["a namespace in itself", "{% set ns = namespace() %}{% set ns.a = ns %}{{ ns }}"],
  [
    "a list that nests by a loop",
    "{% set ns = namespace(x=[]) %}{% for i in range(100000) %}{% set ns.x = [ns.x] %}{% endfor %}{{ ns.x }}",
  ],
  [
    "lists that nest by a loop, compared",
    "{% set ns = namespace(x=[], y=[]) %}{% for i in range(9999) %}{% set ns.x = [ns.x] %}{% set ns.y = [ns.y] %}{% endfor %}{{ ns.x == ns.y }}",
  ],
  ["brackets", `{{ ${"(".repeat(50_000)}1${")".repeat(50_000)} }}`],
  ["lists in lists", `{{ ${"[".repeat(50_000)}${"]".repeat(50_000)} }}`],
  ["signs", `{{ ${"-".repeat(50_000)}1 }}`],
  ["not not", `{{ ${"not ".repeat(50_000)}1 }}`],
  ["conditions in conditions", `{{ ${"1 if 1 else ".repeat(20_000)}1 }}`],
  ["blocks in blocks", "{% if 1 %}".repeat(20_000) + "{% endif %}".repeat(20_000)],
  ["targets in targets", `{% set ${"(".repeat(20_000)}a`],
  ["open braces", "{".repeat(200_000)],
  ["open comments", "{#".repeat(100_000)],
  ["open raws", "{% raw %}".repeat(20_000)],
  ["huge numbers", "{{ 10 ** 400 }}"],
  ["digits without end", `{{ ${"9".repeat(100_000)} }}`],
];

/** What takes long where reading or searching is quadratic, and is fine. */
const LONG: readonly (readonly [string, string])[] = [
  ["spaces in a tag", `{{${" ".repeat(250_000)}1 }}`],
  ["spaces before a tag", `${" ".repeat(250_000)}{%- if 1 %}1{% endif %}`],
  ["lines of spaces", `${" \n".repeat(120_000)}{{- 1 }}`],
  ["spaces that are no tag", `{{ 1 }}{#${" -".repeat(100_000)}#}`],
  ["spaces before what is no generation tag", `{#-#}${" ".repeat(100_000)}{#-#}1`],
  ["quotes", `{{ '${"\\'".repeat(100_000)}' and 1 }}`],
  ["a sum of many", `{{ ${"1 - 1 + ".repeat(10_000)}1 }}`],
  ["attributes of many", `{{ start${".upper()".repeat(1000)} and 1 }}`],
  ["ands of many", `{{ ${"1 and ".repeat(10_000)}1 }}`],
  ["ors of many", `{{ ${"0 or ".repeat(10_000)}1 }}`],
  ["brackets of tags", `{{ long.count('<') + ("<" * 100000) | striptags | length - 99999 }}`],
  ["a long pattern", "{{ ('a' * 60000 ~ 'b') in ('a' * 100000) or 1 }}"],
];

describe("templates of hostile models", () => {
  it.each(HOSTILE)("%s: refused", (_, source) => expect(() => run(source)).toThrow(JinjaError), 20_000);
  it.each(LONG)("%s: rendered", (_, source) => expect(run(source).trim()).toBe("1"), 20_000);

  it("say which limit they passed", () => {
    expect(() => run("{{ start * 1000000000 }}")).toThrow(`more than ${RENDER_LIMITS.memory} characters`);
    expect(() => run("{% for a in range(100000) %}{% for b in range(100000) %}{% endfor %}{% endfor %}")).toThrow(
      `more than ${RENDER_LIMITS.steps} steps`,
    );
  });
});
