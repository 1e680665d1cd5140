// A journey of openapi-fetch with the types that openapi-typescript generated; prints what it got.
import createClient from "openapi-fetch";
import type { paths } from "./shop.js";

declare const process: { argv: string[]; env: Record<string, string> };

const shop = createClient<paths>({ baseUrl: process.argv[2] });

function given<T>(data: T | undefined): T {
  if (data === undefined) throw new Error("the shop refused");
  return data;
}

const listed = given((await shop.GET("/api/v1/products", { params: { query: { sort: "name" } } })).data);
const login = await shop.POST("/api/v1/tokens", {
  body: { username: "grace", password: process.env["PASSWORD"]! },
});
const headers = { Authorization: `Bearer ${given(login.data).access_token}` };

const price = 99.99;
const created = await shop.POST("/api/v1/products", {
  headers,
  body: { name: "Oak shelf", description: "", price, stock: 5 },
});
const shelf = given(created.data);
const one = { path: { id: shelf.id } };
const change = {
  headers,
  params: { ...one, header: { "If-Match": created.response.headers.get("ETag")! } },
  body: { name: "Oak shelves" },
};
const patched = given((await shop.PATCH("/api/v1/products/{id}", change)).data);
const stale = await shop.PATCH("/api/v1/products/{id}", change);
const order = given(
  (await shop.POST("/api/v1/orders", { headers, body: { items: [{ product_id: shelf.id, quantity: 2 }] } })).data,
);
const shipped = await shop.POST("/api/v1/orders/{id}/ship", {
  headers,
  params: { path: { id: order.id } },
  body: { tracking: "JD0002" },
});
const deleted = await shop.DELETE("/api/v1/products/{id}", { headers, params: one });
const loggedOut = await shop.DELETE("/api/v1/tokens/current", { headers });

console.log(
  JSON.stringify({
    listed: listed._embedded.item.map((item) => item.name),
    patched: [patched.name, patched.description, patched.price, patched.stock],
    stale: [stale.response.status, stale.error?.status],
    ordered: [order.status, order.items.map((item) => item.quantity)],
    shipped: [shipped.response.status, shipped.error?.status],
    deleted: deleted.response.status,
    logged_out: loggedOut.response.status,
  }),
);
