// JSONata's reference implementation, a line at a time: {expression, bindings} in; {value}, {} or {error} out.
const jsonata = require("jsonata");
const readline = require("node:readline");

async function answer({ expression, bindings }) {
  try {
    const value = await jsonata(expression).evaluate(undefined, bindings);
    return value === undefined ? {} : { value };
  } catch (error) {
    return { error: error.code ?? String(error) };
  }
}

(async () => {
  for await (const line of readline.createInterface({ input: process.stdin })) {
    process.stdout.write(JSON.stringify(await answer(JSON.parse(line))) + "\n");
  }
})();
