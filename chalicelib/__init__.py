"""Gatehouse: the map. Each package's own docstring goes on from here.

What comes in, and where it goes:

    a token is issued        routes.tokens, grants.token_endpoint, grants.password, accounts.credentials
    a token is refreshed     routes.tokens, grants.token_endpoint, grants.refresh_token, stores.sessions
    a request is let in      authorizer, tokens.access_token_verifier, gate.policy; then routes.middleware

Packages and modules. Imports run from top to bottom, never up; `pyproject.toml` holds that.

    routes          one blueprint for each group of routes, and the middleware
    schedule        what runs by the clock: the rotation of keys; a Lambda function of its own
    admin           the command line
    web             HTTP in and out, without business
    authorizer      the gate's Lambda function: bearer token in, IAM policy out; without boto3
    services        the composition root: settings, stores, grants, once for each container
    sample          the sample resource: comments
    gate            what decides on a bearer token
    stores          one module for each table; the only importers of boto3
    grants          one grant, one module; the phases that all share
    oauth           the protocol without HTTP: clients
    accounts        a person: sign-up, credentials, passwords, throttling, sessions
    tokens          what each kind of token is
    keys            the key ring, rotation, JWK Sets
    telemetry       events and measurements, and where they go
    access_table    who may reach what: every route and its scopes
    issuer          which issuer this is
    settings        the environment, read once, checked, typed
    model           the nouns, as frozen values
    addresses       origins, issuers and addresses of JWK Sets, in one spelling
    scope           scopes as sets (RFC 6749 section 3.3)
    timestamps      times as people and clients read them
    ids             the ids that this service makes, random or in the order of time
    base64url       base64url in its canonical form
    strict_json     JSON that no two readers read differently
    network         the network of an address
    clocks          how far the clocks of two machines may lie apart
    deadline        by when the work under way must end
    errors          what can go wrong
    version         the version of this code
"""
