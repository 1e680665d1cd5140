"use strict";
const docs = document.getElementById("docs");
const version = new URLSearchParams(location.search).get("version") || docs.dataset.versions.split(",")[0];
SwaggerUIBundle({
  url: `${docs.dataset.root}/openapi/${encodeURIComponent(version)}.json`,
  dom_id: "#docs",
  deepLinking: true,
  validatorUrl: null,
});
