/** What the headers of an answer are for, and the clause that says so. */

const RFC = "https://www.rfc-editor.org/rfc/";

/** @type {Record<string, [string, string]>} */
export const CLAUSES = {
  allow: ["The methods that this place knows.", `${RFC}rfc9110#field.allow`],
  "cache-control": ["Who may keep this answer, and for how long.", `${RFC}rfc9111#field.cache-control`],
  "content-encoding": ["How the body is compressed.", `${RFC}rfc9110#field.content-encoding`],
  "content-language": ["The language of the text.", `${RFC}rfc9110#field.content-language`],
  "content-length": ["How many bytes the body has.", `${RFC}rfc9110#field.content-length`],
  "content-location": ["Where what the body shows is to be found.", `${RFC}rfc9110#field.content-location`],
  "content-security-policy": ["What a browser may load and run for this.", "https://www.w3.org/TR/CSP3/#csp-header"],
  "content-type": ["How the body is to be read.", `${RFC}rfc9110#field.content-type`],
  "cross-origin-resource-policy": ["Which other sites may load this.", "https://fetch.spec.whatwg.org/#cross-origin-resource-policy-header"],
  date: ["When the answer was made.", `${RFC}rfc9110#field.date`],
  deprecation: ["Since when this version is not the one to build on.", `${RFC}rfc9745#section-2`],
  etag: ["The version of this answer: send it back in If-None-Match to save the body, in If-Match to change only what you saw.", `${RFC}rfc9110#field.etag`],
  "idempotency-replayed": ["The stored answer to an earlier request with the same key.", "https://datatracker.ietf.org/doc/html/draft-ietf-httpapi-idempotency-key-header-07"],
  link: ["Links that are not in the body.", `${RFC}rfc8288#section-3`],
  location: ["Where the thing that was made is.", `${RFC}rfc9110#field.location`],
  "preference-applied": ["Which wish of the client was granted.", `${RFC}rfc7240#section-3`],
  ratelimit: ["What is left of the quota (r), and the seconds until it is whole again (t).", "https://datatracker.ietf.org/doc/html/draft-ietf-httpapi-ratelimit-headers-11#section-4"],
  "ratelimit-policy": ["The quota (q) and the seconds it is for (w).", "https://datatracker.ietf.org/doc/html/draft-ietf-httpapi-ratelimit-headers-11#section-3"],
  "referrer-policy": ["What other sites are told of where a visitor came from.", "https://www.w3.org/TR/referrer-policy/#referrer-policy-header"],
  "retry-after": ["How many seconds to wait before asking again.", `${RFC}rfc9110#field.retry-after`],
  "strict-transport-security": ["Come by TLS only.", `${RFC}rfc6797#section-6.1`],
  sunset: ["When this version ends.", `${RFC}rfc8594#section-3`],
  vary: ["The request headers that the answer depends on.", `${RFC}rfc9110#field.vary`],
  "www-authenticate": ["How to say who you are.", `${RFC}rfc9110#field.www-authenticate`],
  "x-content-type-options": ["Take the type as it is said.", "https://fetch.spec.whatwg.org/#x-content-type-options-header"],
  "x-request-id": ["The name of this request in the log: quote it when you ask about it.", `${RFC}rfc9110#section-16.3`],
};
