// A journey of Apollo Client with persisted queries; prints what it got and what it sent.
import { ApolloClient, ApolloLink, HttpLink, InMemoryCache, gql } from '@apollo/client/core';
import { PersistedQueryLink } from '@apollo/client/link/persisted-queries';
import { createHash } from 'node:crypto';

const sent = [];
const answered = (address, options) => {
  const extensions = options.body ?? new URL(address).searchParams.get('extensions');
  const text = options.body ? 'query' in JSON.parse(options.body) : new URL(address).searchParams.has('query');
  sent.push([options.method, text, extensions.includes('sha256Hash')]);
  return fetch(address, options);
};
const sha256 = (text) => createHash('sha256').update(text).digest('hex');

function connect(token) {
  const headers = token ? { Authorization: `Bearer ${token}` } : {};
  const persisted = new PersistedQueryLink({ sha256, useGETForHashedQueries: true });
  const http = new HttpLink({ uri: process.argv[2], fetch: answered, headers });
  return new ApolloClient({ link: ApolloLink.from([persisted, http]), cache: new InMemoryCache() });
}

const catalogue = gql`query Catalogue { products(first: 2, sort: name) { nodes { id name } pageInfo { hasNextPage } } }`;
const login = gql`
  mutation Login($password: String!) { login(username: "ada", password: $password) { accessToken } }
`;
const buy = gql`
  mutation Buy($id: ID!) { buy(id: $id, quantity: 1) { order { id status } } }
`;

const first = await connect().query({ query: catalogue });
const again = await connect().query({ query: catalogue });
const variables = { password: process.env.PASSWORD };
const token = (await connect().mutate({ mutation: login, variables })).data.login.accessToken;
const { id } = first.data.products.nodes[0];
const bought = await connect(token).mutate({ mutation: buy, variables: { id } });
const refused = await connect().mutate({ mutation: buy, variables: { id } }).catch((error) => error);

console.log(
  JSON.stringify({
    listed: first.data.products.nodes.map((product) => product.name),
    same: JSON.stringify(first.data) === JSON.stringify(again.data),
    bought: bought.data.buy.order.status,
    refused: refused.errors.map((error) => error.extensions.code),
    sent,
  }),
);
