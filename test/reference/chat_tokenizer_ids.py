"""Writes test/text/fixtures/chat-tokenizer-ids.json: ids that `tokenizers` gives Spec-Bench's prompts by the chat model's tokenizer.

    pip install tokenizers==0.23.3 && python test/reference/chat_tokenizer_ids.py ../shared

Neither text nor tokenizer is committed, so of each prompt there are the number of ids and the CRC-32 of them as u32, little-endian.
"""
import json
import pathlib
import struct
import sys
import zlib

import tokenizers

shared = pathlib.Path(sys.argv[1])
tokenizer = tokenizers.Tokenizer.from_file(str(shared / "checkpoints/blockffn-chat/tokenizer.json"))
prompts = []
for line in (shared / "text/spec_bench.jsonl").read_text().splitlines():
    prompts += json.loads(line)["turns"]
rows = []
for prompt in prompts:
    ids = tokenizer.encode(prompt).ids
    rows.append([len(ids), zlib.crc32(struct.pack(f"<{len(ids)}I", *ids))])
path = pathlib.Path(__file__).parent.parent / "text/fixtures/chat-tokenizer-ids.json"
made_by = f"tokenizers {tokenizers.__version__}, test/reference/chat_tokenizer_ids.py"
path.write_text(json.dumps({"made_by": made_by, "ids": rows}, separators=(",", ":")) + "\n")
print(len(rows), "prompts,", path.stat().st_size, "bytes")
