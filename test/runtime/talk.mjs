// The conversation that the chat tests of all hosts hold, in plain JavaScript as Workers and Deno take it: with an answer left early, and
// one dropped turn at least. What it gives is JSON.
export const TURNS = 8;
export const GREEDY = { temperature: 0, maxTokens: 10, ignoreEos: true };

/** @param createChat of the host @param model a loaded tiny model (test/helpers/tiny-chat.ts) */
export async function talk(createChat, model) {
  const chat = createChat(model, { system: "be kind", ...GREEDY });
  const answers = [];
  for (let i = 0; i < TURNS; i++) {
    if (i === 3) for await (const { index } of chat.send("never mind")) if (index === 4) break;
    const { tokens, usage, dropped } = await chat.send(`question ${i}`).result();
    answers.push({ tokens: [...tokens], usage, dropped });
  }
  const messages = [{ role: "user", content: "hi" }];
  const told = {
    rendered: await model.renderChat(messages, { addGenerationPrompt: false }),
    counted: await model.countTokens(messages),
    defaults: model.generationDefaults,
    said: chat.export().messages.length,
  };
  chat.dispose();
  return { answers, told };
}
