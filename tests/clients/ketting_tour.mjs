import ketting from 'ketting';
import { credentials, root, tell } from './tour.mjs';

const { Client, bearerAuth } = ketting;

async function loggedIn(username) {
  const client = new Client(root);
  const { data } = await (await client.go().get()).action('login').submit(credentials(username));
  client.use(bearerAuth(data.access_token));
  await client.go().refresh();
  return client;
}

const names = async (collection) =>
  Promise.all((await collection.followAll('item')).map(async (item) => (await item.get()).data.name));

const desk = async (client) => (await client.follow('search', { q: 'walnut' }).follow('item')).get();

const stranger = new Client(root);
const home = await stranger.go().get();
const customer = await loggedIn('ada');
const order = await (await desk(customer)).action('buy').submit({ quantity: 2 });
const cancelled = await order.action('cancel').submit({});

const [slow, quick] = [await loggedIn('grace'), await loggedIn('grace')];
const stale = await desk(slow);
await (await desk(quick)).action('update').submit({ stock: 5 });
const refused = await stale.action('update').submit({}).catch((error) => error);

tell({
  browsed: await names(await stranger.follow('products')),
  found: await names(await stranger.follow('search', { q: 'lamp' })),
  found_by_form: await names(await home.action('search').submit({ q: 'lamp' })),
  me: (await (await customer.follow('me')).get()).data.username,
  ordered: order.data.status,
  cancelled: cancelled.data.status,
  stale: refused.status,
  way_out: refused.body._links.self.href === stale.uri,
});
