"""The API function: the Chalice app and its blueprints. Packaging imports it, so nothing here calls AWS."""

from chalice import Chalice

from chalicelib import authorizer, schedule
from chalicelib.routes import comments, jwks, sessions, tokens, users
from chalicelib.routes.middleware import middleware, preflights

# Lambda's own handler writes the log, as JSON.
app = Chalice(app_name="gatehouse", configure_logs=False)

for module in (authorizer, schedule, tokens, sessions, users, comments, jwks):
    app.register_blueprint(module.blueprint)
app.register_blueprint(preflights(app))

app.register_middleware(middleware, "http")
