"""The application object for any WSGI server."""

from shop.app import create_app

app = create_app()
app.extensions["shop-housekeeper"].start()
