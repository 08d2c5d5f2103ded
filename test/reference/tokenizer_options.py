"""Writes test/text/fixtures/tokenizer-options.json: ids and texts of tokenizers for every option of a tokenizer.json.

    pip install tokenizers==0.23.3 && python test/reference/tokenizer_options.py

A case is a change to one of two small tokenizers (fields of the file, of its model, added tokens) and, for each text, the ids
that the reference gives; then texts of ids. Cases that the reference itself refuses are left out.
"""
import json
import pathlib
import random

import tokenizers
from tokenizers import Tokenizer

HERE = pathlib.Path(__file__).parent
LETTERS = "▁abcdefghilmnoprstuvwxyzABTH.,!?'-_0123456789#é"
MERGES = ["▁ a", "a b", "ab c", "▁ h", "h e", "▁h e", "l l", "he ll", "hell o", "o w", "n ow", "▁ now", "t h", "th e", "▁ the", "▁ ▁", "▁▁ ▁▁", "1 2", "é é", "a a", "aa aa", "' s"]
TEXTS = [
    "", " ", "a", " a", "abc", "hello now", " hello  the  now ", "  lead", "trail  ", "a\nb\r\n\tc", "ab12 345 6", "it's, o'clock! a-b_c",
    "héé É ÉÉ", "e\u0301 \ufb01 ½ ②", "中文 ab字", "\u00a0a\u2003b\u200bc\u0085d\ufeffe", "\x00\x01a\x7f\ufffd", "😀a 😀", "HELLO The İ ΑΣ", "▁a▁▁b", "a" * 20,
    "x<t>y", "<t> a", "a <t>", "<t><t>", "a<s>b", "<s> a </s>", " the<t>", "call <t>now the", "ab<w>cd", "<w>", "a <w> b", "<w>a", "_<w>", "<l>  a", "  <l>  <r>  a", "a  <b>  b", "<T>", "x<u>y <u>", "new word", "a new word b", "  \n <l>\n ",
    "\u1100\u1161 ａｂ", "a.b..c", "a-- b", "don't DON'T I'LL we'Re", "1234567 12.5", "foo_bar x1y2", "\t\ta", "a\u3000b",
]
SPECIAL = [("<unk>", 0), ("<s>", 1), ("</s>", 2)]


def token(content, id, **flags):
    base = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": False}
    return {"id": id, "content": content, **base, **flags}


def sentencepiece():
    vocab = {content: id for content, id in SPECIAL}
    for letter in LETTERS:
        vocab[letter] = len(vocab)
    for merge in MERGES:
        vocab.setdefault(merge.replace(" ", ""), len(vocab))
    return {
        "version": "1.0", "truncation": None, "padding": None, "added_tokens": [token(c, i, special=True) for c, i in SPECIAL],
        "normalizer": None, "pre_tokenizer": None, "post_processor": None, "decoder": {"type": "Fuse"},
        "model": {"type": "BPE", "dropout": None, "unk_token": "<unk>", "continuing_subword_prefix": None, "end_of_word_suffix": None,
                  "fuse_unk": False, "byte_fallback": False, "ignore_merges": False, "vocab": vocab, "merges": MERGES},
    }


SIZE = len(sentencepiece()["model"]["vocab"])


def cases():
    def parts(key, *all):
        for part in all:
            yield {key: part}

    replace = lambda a, b: {"type": "Replace", "pattern": {"String": a}, "content": b}
    regex = lambda a, b: {"type": "Replace", "pattern": {"Regex": a}, "content": b}
    seq = lambda key, type, *steps: {"type": "Sequence", key: list(steps)}
    prepend = {"type": "Prepend", "prepend": "▁"}
    meta = lambda scheme, split, **more: {"type": "Metaspace", "replacement": "▁", "prepend_scheme": scheme, "split": split, **more}
    yield {}
    # Normalisers
    yield from parts("normalizer", prepend, replace(" ", "▁"), replace("a", ""), replace("ab", "x"), regex(" {2,}", "▁"), regex("\\s+", " "), *({"type": t} for t in ("NFC", "NFD", "NFKC", "NFKD", "Lowercase", "StripAccents", "Nmt", "ByteLevel")),
                     *({"type": "Strip", "strip_left": l, "strip_right": r} for l in (True, False) for r in (True, False)),
                     *({"type": "BertNormalizer", "clean_text": c, "handle_chinese_chars": h, "strip_accents": s, "lowercase": w} for c in (True, False) for h in (True, False) for s in (None, True, False) for w in (True, False)),
                     seq("normalizers", "", prepend, replace(" ", "▁")), seq("normalizers", "", {"type": "NFKC"}, seq("normalizers", "", {"type": "Lowercase"}, {"type": "Strip", "strip_left": True, "strip_right": False})))
    # Post-processors
    text = {"Sequence": {"id": "A", "type_id": 0}}
    special = lambda content: {"SpecialToken": {"id": content, "type_id": 0}}
    template = lambda *items: {"type": "TemplateProcessing", "single": list(items), "pair": [text, {"Sequence": {"id": "B", "type_id": 1}}],
                               "special_tokens": {c: {"id": c, "ids": [i], "tokens": [c]} for c, i in SPECIAL}}
    byte_level = {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": False, "use_regex": True}
    roberta = lambda p: {"type": "RobertaProcessing", "sep": ["</s>", 2], "cls": ["<s>", 1], "trim_offsets": True, "add_prefix_space": p}
    bert = {"type": "BertProcessing", "sep": ["</s>", 2], "cls": ["<s>", 1]}
    yield from parts("post_processor", byte_level, bert, roberta(True), roberta(False), template(special("<s>"), text), template(text, special("</s>")),
                     template(special("<s>"), special("<s>"), text, special("</s>")), *(seq("processors", "", byte_level, p) for p in (bert, roberta(True), template(special("<s>"), text))))
    # Pre-tokenizers
    behaviors = ("Removed", "Isolated", "MergedWithPrevious", "MergedWithNext", "Contiguous")
    patterns = [{"String": " "}, {"String": "a"}, {"String": "ab"}, {"Regex": "\\s+"}, {"Regex": "\\p{N}{1,3}"}, {"Regex": "\\w+|[^\\w\\s]+"}]
    split = lambda p, b, i: {"type": "Split", "pattern": p, "behavior": b, "invert": i}
    yield from parts("pre_tokenizer", *(split(p, b, i) for p in patterns for b in behaviors for i in (True, False)),
                     *({"type": "ByteLevel", "add_prefix_space": p, "trim_offsets": True, "use_regex": r} for p in (True, False) for r in (True, False)),
                     *(meta(s, p) for s in ("always", "first", "never") for p in (True, False)), {"type": "Metaspace", "replacement": "_", "prepend_scheme": "always", "split": True},
                     {"type": "Whitespace"}, {"type": "WhitespaceSplit"}, {"type": "BertPreTokenizer"}, {"type": "CharDelimiterSplit", "delimiter": "-"},
                     *({"type": "Punctuation", "behavior": b} for b in behaviors), *({"type": "Digits", "individual_digits": d} for d in (True, False)),
                     {"type": "FixedLength", "length": 3},
                     seq("pretokenizers", "", {"type": "WhitespaceSplit"}, meta("first", True)), seq("pretokenizers", "", split({"String": "a"}, "Isolated", False), meta("first", False)),
                     seq("pretokenizers", "", {"type": "Digits", "individual_digits": True}, {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}),
                     seq("pretokenizers", "", {"type": "Punctuation", "behavior": "Contiguous"}, seq("pretokenizers", "", {"type": "WhitespaceSplit"}, meta("always", True))))
    for strip in (True, False):
        yield {"normalizer": {"type": "Strip", "strip_left": strip, "strip_right": True}, "pre_tokenizer": meta("first", False)}
    yield {"normalizer": replace("a", ""), "pre_tokenizer": meta("first", True)}
    # Published expressions
    for pattern in json.loads((HERE / "patterns.json").read_text()):
        yield {"pre_tokenizer": split({"Regex": pattern}, "Isolated", False)}
        yield {"pre_tokenizer": split({"Regex": pattern}, "Removed", True)}
    # Added tokens
    for flags in range(32):
        single, left, right, normalized, special = (bool(flags >> bit & 1) for bit in range(5))
        added = [token(c, SIZE + i, single_word=single, lstrip=left, rstrip=right, normalized=normalized, special=special) for i, c in enumerate(("<t>", "<w>", "foo", "<l>", "<r>", "<b>", "new word"))]
        for more in ({}, {"normalizer": seq("normalizers", "", prepend, replace(" ", "▁"))}, {"normalizer": {"type": "Lowercase"}}, {"pre_tokenizer": meta("first", False)}, {"pre_tokenizer": meta("always", True)}):
            yield {"added": added, **more}
    yield {"added": [token("<l>", SIZE + 0, lstrip=True), token("<r>", SIZE + 1, rstrip=True), token("<b>", SIZE + 2, lstrip=True, rstrip=True), token("  ", SIZE + 3), token("\n", SIZE + 4)]}
    yield {"added": [token("<t>", SIZE + 0, normalized=True), token("<W>", SIZE + 1, normalized=True, special=True), token("<u>", SIZE + 2, normalized=True)], "normalizer": {"type": "Lowercase"}}
    yield {"added": [token("abx", SIZE, single_word=True), token("ax", SIZE + 1), token("a-", SIZE + 2, single_word=True)]}
    # Options of the model
    bytes_ = {f"<0x{b:02X}>": 200 + b for b in range(256)}
    some = {f"<0x{b:02X}>": 200 + b for b in range(0x80, 0xF0)}
    affixes = {"continuing_subword_prefix": "##"}, {"end_of_word_suffix": "</w>"}, {"continuing_subword_prefix": "##", "end_of_word_suffix": "</w>"}
    for unk in ("<unk>", None):
        for fuse in (True, False):
            for fallback in (False, True):
                for vocab in ({}, bytes_, some):
                    for pre in (None, {"type": "WhitespaceSplit"}, meta("always", False)):
                        yield {"model": {"unk_token": unk, "fuse_unk": fuse, "byte_fallback": fallback}, "vocab": vocab, "pre_tokenizer": pre}
    merged = {**bytes_, "<0xE4><0xB8>": 500, "<unk><unk>": 501, "<unk>a": 502}
    for unk in ("<unk>", None):
        yield {"model": {"unk_token": unk, "byte_fallback": True}, "vocab": merged, "merges": ["<0xE4> <0xB8>"]}
        yield {"model": {"unk_token": unk, "byte_fallback": False}, "vocab": merged, "merges": ["<unk> <unk>", "<unk> a"]}
    for pre in ({"type": "WhitespaceSplit"}, meta("always", True), None):
        yield {"model": {"ignore_merges": True}, "vocab": {"hello": 120, "▁hello": 121, "now": 122, "xyz": 123}, "pre_tokenizer": pre}
        for affix in affixes:
            end, pre_ = affix.get("end_of_word_suffix", ""), affix.get("continuing_subword_prefix", "")
            vocab, merges = {}, []
            for letter in LETTERS:
                for form in (pre_ + letter, letter + end, pre_ + letter + end):
                    vocab.setdefault(form, 1000 + len(vocab))
            for left, right in (("a", "b"), ("h", "e"), ("t", "h")):
                for a in (left, pre_ + left):
                    for b in (pre_ + right, pre_ + right + end):
                        vocab.setdefault(a + b[len(pre_):], 1000 + len(vocab))
                        if f"{a} {b}" not in merges:
                            merges.append(f"{a} {b}")
            for unk in ("<unk>", None):
                yield {"model": {**affix, "unk_token": unk}, "vocab": vocab, "only": merges, "pre_tokenizer": pre}
    # Decoders
    byte_level = {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": True}
    fallback = {"type": "ByteFallback"}
    fuse = {"type": "Fuse"}
    strip = lambda c, a, b: {"type": "Strip", "content": c, "start": a, "stop": b}
    for decoder in (
        None, byte_level, {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": True}, {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "never", "split": False}, {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "first"},
        {"type": "BPEDecoder", "suffix": "e"}, {"type": "BPEDecoder", "suffix": "</w>"}, {"type": "WordPiece", "prefix": "#", "cleanup": True}, {"type": "WordPiece", "prefix": "#", "cleanup": False},
        {"type": "CTC", "pad_token": "<s>", "word_delimiter_token": "▁", "cleanup": True},
        replace("▁", " "), replace("l", "LL"), regex("\\s+", "_"), fallback, fuse, strip("h", 1, 0), strip("o", 0, 1), strip("l", 2, 2),
        seq("decoders", "", replace("▁", " "), fallback, fuse, strip(" ", 1, 0)), seq("decoders", "", replace("▁", " "), fallback, fuse), seq("decoders", "", replace("▁", " "), fallback, fuse, strip(" ", 2, 0)),
        seq("decoders", "", fallback, fuse, replace("▁", " ")), seq("decoders", "", replace("▁", "a"), replace("a", "bb")), seq("decoders", "", fallback, {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always"}),
        seq("decoders", "", fuse, replace("he", "x")), seq("decoders", "", byte_level, strip("h", 1, 0)), seq("decoders", "", strip("▁", 1, 0), fuse), seq("decoders", "", fuse, strip("o", 0, 1)),
    ):
        yield {"decoder": decoder, "vocab": bytes_, "model": {"byte_fallback": True}}


def build(case):
    file = sentencepiece()
    for key in ("normalizer", "pre_tokenizer", "post_processor", "decoder"):
        if key in case:
            file[key] = case[key]
    file["added_tokens"] += case.get("added", [])
    file["model"] = {**file["model"], **case.get("model", {})}
    file["model"]["vocab"] = {**file["model"]["vocab"], **case.get("vocab", {})}
    file["model"]["merges"] = case.get("only", case.get("merges", []) + MERGES)
    return file


def decode(tokenizer, ids):
    try:
        return tokenizer.decode(ids), tokenizer.decode(ids, skip_special_tokens=False)
    except BaseException:  # noqa: BLE001: Strip panics on short tokens
        return None


def main():
    rng = random.Random(7)
    out, left_out = [], 0
    for case in cases():
        try:
            tokenizer = Tokenizer.from_str(json.dumps(build(case)))
        except BaseException as error:  # noqa: BLE001: what Rust panics on comes as BaseException
            left_out += 1
            print("left out", {k: v for k, v in case.items() if k != "vocab"}, str(error)[:80])
            continue
        ids = []
        for text in TEXTS:
            try:
                ids.append(tokenizer.encode(text).ids)
            except BaseException:
                ids.append(None)
        entry = {"case": case, "ids": ids}
        if "decoder" in case:
            known = sorted(set(tokenizer.get_vocab().values()))
            common = [i for i in known if i < 200]
            lists = [[rng.choice(common) for _ in range(rng.randrange(1, 9))] for _ in range(20)] + [[200 + b for b in t.encode()] for t in ("é", "a😀b", " x")] + [rng.choices(common, k=2) + [200 + b for b in "中é".encode()] + rng.choices(common, k=2) for _ in range(6)]
            entry["decoded"] = [[one, *pair] for one in lists if (pair := decode(tokenizer, one)) is not None]
        out.append(entry)
    # Lists and vocabularies that come again stand once.
    lists, vocabularies = {}, {}
    for entry in out:
        entry["ids"] = [None if one is None else lists.setdefault(" ".join(map(str, one)), len(lists)) for one in entry["ids"]]
        if "vocab" in entry["case"]:
            entry["case"] = {**entry["case"], "vocab": vocabularies.setdefault(json.dumps(entry["case"]["vocab"], ensure_ascii=False, separators=(",", ":")), len(vocabularies))}
    made_by = f"tokenizers {tokenizers.__version__}, test/reference/tokenizer_options.py"
    rows = ",\n".join(json.dumps(entry, ensure_ascii=False, separators=(",", ":")) for entry in out)
    path = HERE.parent / "text" / "fixtures" / "tokenizer-options.json"
    base = json.dumps(sentencepiece(), ensure_ascii=False, separators=(",", ":"))
    parts = {"made_by": json.dumps(made_by), "base": base, "texts": json.dumps(TEXTS, ensure_ascii=False), "lists": json.dumps(list(lists), separators=(",", ":")),
             "vocabularies": "[\n" + ",\n".join(vocabularies) + "\n]", "cases": f"[\n{rows}\n]"}
    path.write_text("{" + ",\n".join(f'"{key}":{value}' for key, value in parts.items()) + "}\n")
    print(len(out), "cases,", left_out, "left out,", path.stat().st_size, "bytes")


main()
