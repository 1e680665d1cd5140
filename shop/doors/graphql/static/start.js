/** GraphiQL, with the token of whoever is logged in, here or in the explorer. */

const QUERY = `# Log in, and the token is among the headers below.
# mutation { login(username: "", password: "") { accessToken } }

{
  shop { name currency can }
  products(first: 5) { nodes { id name price stock can } }
}
`;

const root = ReactDOM.createRoot(document.getElementById("graphiql"));

/** A subscription is answered with events, which nothing else is while JSON is preferred. */
async function ask(words, { headers = {} } = {}) {
  const closing = new AbortController();
  const answer = await fetch(location.pathname, {
    method: "POST",
    headers: { "Content-Type": "application/json", Accept: "application/graphql-response+json, text/event-stream;q=0.5", ...headers },
    body: JSON.stringify(words),
    signal: closing.signal,
  });
  if (answer.headers.get("Content-Type").startsWith("text/event-stream")) return observe(answer, closing);
  const found = await answer.json();
  const login = Object.values(found.data ?? {}).find((each) => each?.accessToken);
  if (login) draw(login.accessToken);
  return found;
}

/** The results of a subscription, as an observable; unsubscribing closes the connection. */
const observe = (answer, closing) => ({
  subscribe(observer) {
    readEvents(answer, observer).then(() => observer.complete(), (error) => closing.signal.aborted || observer.error(error));
    return { unsubscribe: () => closing.abort() };
  },
});

async function readEvents(answer, observer) {
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    const blocks = (text + value).split("\n\n");
    text = blocks.pop();
    for (const block of blocks) {
      const data = block.split("\n").find((line) => line.startsWith("data: "));
      if (data) observer.next(JSON.parse(data.slice(6)));
    }
  }
}

function draw(token) {
  const headers = token ? JSON.stringify({ Authorization: `Bearer ${token}` }, null, 2) : "";
  root.render(React.createElement(GraphiQL, {
    fetcher: ask, headers, defaultQuery: QUERY, defaultEditorToolsVisibility: "headers", schemaDescription: true, shouldPersistHeaders: false,
  }));
}

draw(JSON.parse(sessionStorage.getItem("session") ?? "null")?.access_token);
