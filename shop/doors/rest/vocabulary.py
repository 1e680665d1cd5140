"""The words of the API, and what each means to people; what moves mean they say themselves."""

COMMON_RELS = {
    "self": "Where this is.",
    "profile": "What its words mean.",
    "collection": "The list it is in.",
}
ENTITY_RELS = {
    "user": {"orders": "What this user ordered."},
    "order": {"user": "Who ordered it, while they have an account."},
}
HOME_RELS = {
    "products": "The catalogue.",
    "search": "The catalogue, searched: a URI template (RFC 6570).",
    "changes": "What changed in the catalogue, in order: a URI template (RFC 6570).",
    "login": "POST a username and a password; the answer holds tokens.",
    "logout": "DELETE ends the login: both tokens are dead at once.",
    "register": "POST opens an account.",
    "create": "POST adds a product.",
    "me": "The account of the caller.",
    "users": "All accounts, for staff.",
    "orders": "The orders of the caller; for staff, all.",
    "service-desc": "The OpenAPI document of this version.",
    "service-doc": "The same, to read and to try.",
    "status": "Whether the service is ready.",
    "predecessor-version": "The home of the version before.",
    "successor-version": "The home of the version after.",
}
SIDE_DOORS = {"graphql": "The same shop over GraphQL: POST a query, or GET its schema."}
PAGE_MEMBERS = {
    "total": "How many there are in all.",
    "page": "Which page this is.",
    "per_page": "How many items a page has.",
    "pages": "How many pages there are.",
}
COLLECTION_RELS = {
    **PAGE_MEMBERS,
    "self": "This page.",
    "first": "The first page.",
    "prev": "The page before, where there is one.",
    "next": "The page after, where there is one.",
    "last": "The last page.",
    "search": "A URI template (RFC 6570) with all that may be asked for.",
    "_embedded.item": "The items, whole, each with its own links; present when empty.",
}
CHANGE_TERMS = {
    "self": "What came after this cursor.",
    "next": "What comes after the last of these; always there, and the place to go on from another day.",
    "search": "A URI template (RFC 6570): where to go on, how many at most, how many seconds to wait.",
    "_embedded.item": "The changes, oldest first; present when empty.",
    "product": "What changed, while it is sold.",
    "seq": "The number of the change, and the cursor to go on from.",
    "kind": "created, changed, stocked or retired.",
    "product_id": "The number of the product.",
    "at": "When, in UTC.",
}
TOKEN_TERMS = {
    "access_token": "Send it as Authorization: Bearer.",
    "refresh_token": "Good for one new pair; spent twice, it ends the login.",
    "expires_in": "How long the access token lives, in seconds.",
    "me": "The account.",
    "refresh": "POST the refresh_token.",
    "logout": "DELETE ends the login.",
}
MEMBERS = {
    "id": "The number it keeps for ever.",
    "name": "One line, 1 to 100 characters.",
    "description": "Up to 5000 characters.",
    "price": "Exact, in the currency that the home names.",
    "stock": "How many there are.",
    "created_at": "When it came, in UTC.",
    "updated_at": "When it last changed, in UTC.",
    "_etag": "Its version: what If-Match asks for.",
    "username": "3 to 80 letters, digits, dots, dashes and underscores; unique.",
    "email": "Unique.",
    "role": "customer or staff.",
    "disabled": "Whether staff have closed it.",
    "status": "placed, paid, shipped, delivered, cancelled or refunded.",
    "total": "What all items cost together, exact.",
    "currency": "By ISO 4217.",
    "reference": "Of the payment, once it is recorded.",
    "tracking": "Of the parcel, once it is shipped.",
    "items": "What was bought, with the name and the unit_price of then.",
    "history": "Each move: which, by whom, when.",
    "_embedded": "With embed=orders: the first page of the orders.",
}
PART_MEMBERS = {
    "items": {
        "product_id": "The number of the product.",
        "name": "What it was called then.",
        "unit_price": "What one cost then, exact.",
        "quantity": "How many.",
        "total": "What they cost together, exact.",
    },
    "history": {
        "move": "What was done.",
        "by": "The id of the account; 0 is the shop itself.",
        "at": "When, in UTC.",
    },
}
MEMBER_TITLES = {
    "id": "No.",
    "_etag": "Version",
    "created_at": "Created",
    "updated_at": "Changed",
    "product_id": "Product",
    "per_page": "On a page",
    "at": "When",
    "me": "My account",
    "service-desc": "OpenAPI",
    "service-doc": "Manual",
    "predecessor-version": "Version before",
    "successor-version": "Next version",
}
SCHEMA_ORG = {  # what programs may make of a member, in the words of schema.org
    "identifier": ("id", "product_id", "by"),
    "name": ("name", "username"),
    "price": ("price", "unit_price", "total"),
    "priceCurrency": ("currency",),
    "dateCreated": ("created_at",),
    "dateModified": ("updated_at",),
}
