// Subscribes with graphql-sse, and prints each result, and at last how it ended, as a line of JSON.
import { setTimeout } from "node:timers/promises";
import { createClient } from "graphql-sse";

const [url, field, query, headers] = process.argv.slice(2);
const print = (line) => console.log(JSON.stringify(line));
let cursor;

const client = createClient({
  url,
  retryAttempts: 100,
  retry: () => setTimeout(100),
  headers: () => ({ ...JSON.parse(headers), ...(cursor && { "Last-Event-ID": cursor }) }),
  on: { connected: () => print({ connected: true }) },
});

client.subscribe({ query }, {
  next(result) {
    cursor = result.data?.[field]?.seq ?? cursor;
    print(result);
  },
  complete: () => print({ complete: true }),
  error: (error) => print({ error: String(error) }),
});
