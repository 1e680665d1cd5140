import traverson from 'traverson';
import JsonHalAdapter from 'traverson-hal';
import { credentials, root, tell } from './tour.mjs';

traverson.registerMediaType(JsonHalAdapter.mediaType, JsonHalAdapter);
const headers = {};

function walk(rels, variables = {}) {
  return traverson.from(root).jsonHal().withRequestOptions({ headers }).withTemplateParameters(variables).follow(rels);
}

const done = (begin) =>
  new Promise((resolve, reject) => begin((error, result) => (error ? reject(error) : resolve(result))));
const get = (rels, variables) => done((then) => walk(rels, variables).getResource(then));
const post = async (rels, body, variables) =>
  JSON.parse((await done((then) => walk(rels, variables).post(body, then))).body);
const names = (items) => items.map((item) => item.name);

const browsed = names(await get(['products', 'item[$all]']));
const found = names(await get(['search', 'item[$all]'], { q: 'lamp' }));
const { access_token: token } = await post(['login'], credentials('ada'));
headers.Authorization = `Bearer ${token}`;
const ordered = await post(['search', 'item', 'buy'], { quantity: 1 }, { q: 'lamp' });
const listed = await get(['orders', 'item[0]', 'self']);
const cancelled = await post(['orders', 'item[0]', 'cancel'], {});
const me = await get(['me']);

tell({ browsed, found, me: me.username, ordered: ordered.status, listed: listed.status, cancelled: cancelled.status });
