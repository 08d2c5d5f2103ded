"""Chats with a server by OpenAI's client for Python, whole and streaming: openai_chat.py URL KEY BODY. Prints what came, as JSON."""

import json
import sys

from openai import OpenAI

url, key, body = sys.argv[1:4]
ask = json.loads(body)
client = OpenAI(base_url=url, api_key=key, max_retries=0)
whole = client.chat.completions.create(**ask)
pieces, finish, usage = [], None, None
for chunk in client.chat.completions.create(**ask, stream=True, stream_options={"include_usage": True}):
    for choice in chunk.choices:
        pieces.append(choice.delta.content or "")
        finish = choice.finish_reason or finish
    usage = chunk.usage or usage
messages = [*ask["messages"], whole.choices[0].message.model_dump(exclude_none=True), {"role": "user", "content": "and then"}]
again = client.chat.completions.create(**{**ask, "messages": messages})
print(
    json.dumps(
        dict(
            whole=whole.choices[0].message.content,
            streamed="".join(pieces),
            pieces=len(pieces),
            finish=[whole.choices[0].finish_reason, finish],
            usage=[u.model_dump(include={"prompt_tokens", "completion_tokens", "total_tokens"}) for u in (whole.usage, usage)],
            again=again.choices[0].message.content,
        )
    )
)
