"""The front door: the Chalice app and its blueprints. Packaging imports it, so nothing here calls AWS."""

from chalice import Chalice

from chalicelib.authorizer import gatehouse
from chalicelib.routes import comments, jwks, sessions, tokens, users
from chalicelib.routes.middleware import front_door, preflights
from chalicelib.schedule import schedules

# Lambda's own handler writes the log, as JSON.
app = Chalice(app_name="gatehouse", configure_logs=False)

for blueprint in (gatehouse, schedules, tokens.door, sessions.door, users.door, comments.door, jwks.door):
    app.register_blueprint(blueprint)
app.register_blueprint(preflights(app))

app.register_middleware(front_door, "http")
