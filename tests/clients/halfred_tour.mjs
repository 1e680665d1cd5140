import halfred from 'halfred';
import template from 'url-template';
import { credentials, root, tell } from './tour.mjs';

halfred.enableValidation();
const headers = { Accept: 'application/prs.hal-forms+json', 'Content-Type': 'application/json' };
const issues = [];

// halfred only reads; what it read says where to go.
async function read(href, body) {
  const init = body ? { method: 'POST', body: JSON.stringify(body), headers } : { headers };
  const resource = halfred.parse(await (await fetch(href, init)).json());
  issues.push(...resource.validationIssues().map((issue) => ({ href, ...issue })));
  return resource;
}

const follow = (resource, rel, body) => read(resource.link(rel).href, body);
const names = (collection) => collection.embeddedArray('item').map((item) => item.name);

const home = await read(root);
const browsed = await follow(home, 'products');
const found = await read(template.parse(home.link('search').href).expand({ q: 'stool' }));
const tokens = await follow(home, 'login', credentials('ada'));
headers.Authorization = `Bearer ${tokens.access_token}`;
const me = await follow(tokens, 'me');
const stool = await read((await read(found.link('self').href)).embeddedArray('item')[0].link('self').href);
const ordered = await follow(stool, 'buy', { quantity: 1 });
const cancelled = await follow(ordered, 'cancel', {});
await follow(me, 'orders');
await read(root);

tell({
  browsed: names(browsed), found: names(found), me: me.username,
  ordered: ordered.status, cancelled: cancelled.status, issues,
});
