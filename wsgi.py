"""The application object for any WSGI server."""

from shop.app import create_app
from shop.runtime import get_runtime

app = create_app()
get_runtime(app).housekeeper.start()
