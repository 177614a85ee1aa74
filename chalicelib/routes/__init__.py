"""One blueprint for each group of routes, and the middleware that every request passes.

middleware    access table, revocations, problem details, CORS
tokens        POST /tokens, /tokens/refresh, /logout
sessions      GET /me/sessions, DELETE /me/sessions/{session_id}, PUT /me/password
users         POST /users, GET /me
comments      the sample resource
jwks          GET /.well-known/jwks.json
"""
