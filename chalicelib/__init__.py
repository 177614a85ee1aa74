"""Gatehouse: the map of the house.

What comes in, and where it goes:

    a token is issued        routes.tokens -> grants.password -> password, access_token, refresh_token
    a token is refreshed     routes.tokens -> grants.refresh_token -> one conditional write in stores.sessions
    a request is let in      authorizer -> verify -> policy;  then routes.front asks access_table again

The rooms. Imports run from top to bottom, never up; `pyproject.toml` holds that.

    routes/          the doors: HTTP in, calls to the rooms below, errors out as problem details
        front        what every request passes: the access table, revocations, problem details, CORS
        door         a blueprint whose routes are public by name or guarded, and never neither
        tokens       POST /tokens, /tokens/refresh, /logout
        sessions     GET /me/sessions, DELETE /me/sessions/{session_id}, PUT /me/password
        users        POST /users, GET /me
        comments     the sample resource
        jwks         GET /.well-known/jwks.json
        basic, body, page, refresh_cookie, caller    what a request says, read strictly
        answer, problem                              what an answer says
    schedule         what runs by the clock: the rotation of keys; a function of its own
    admin/           the command line: keys (what it prints: output)
    authorizer       the gate: bearer token in, IAM policy out; a function of its own, without boto3
    runtime          the composition root: settings -> stores -> grants, once for each container
    gate_feed        the revocation feed, for a gate that reads it itself
    stores/          one module for each table; the only importers of boto3
        aws          clients, and failures in our own words
        dynamodb     one table in plain values, transactions, batches
        users, sessions, keys, comments, revocations, attempts
        sign_ins     what a sign-in reads of two tables, in one batch
        event_bus    EventBridge
    telemetry        events and measurements as log lines, and to EventBridge
    key_cache        the key ring as one container holds it
    grants/          one grant, one module, one shape
        password     username and password -> a new session
        refresh_token  one conditional write; what a replay and what a reuse is
        response     what every grant ends with
    accounts         signing up, changing a password
    comments         the sample resource: who may write as whom
    sessions         a user's sessions: which there are, why one ended, how to end one, the others or all
    credentials      username and password held against the record, with throttling
    rotation         when a new key is due, and what happens when one is revoked
    revocations      the feed of what ended early
    throttle         which failures refuse the next attempt
    events           what an operator wants to hear of
    guarded_apis     which REST APIs the gate guards, and the access table of each
    policy           the access table compiled to an exact IAM policy, over arn_pattern
    access_table     who may reach what: every protected route and its scopes
    known_tokens     what the gate has verified before, kept for when it comes again
    verify           one JWS and its claims, checked strictly, by the keys of jwks
    access_token     what an access token says, and its signature (RFC 9068)
    key_material     keys themselves: making them, building them from what was sealed
    keys             the key ring: pending, active, retired, gone, revoked; the JWK Set
    refresh_token    the opaque token: mint, read, successor
    password         Argon2id, and which new passwords are taken (common_passwords.txt)
    issuer           which issuer this is
    settings         the environment, read once, checked, typed
    username, scope, base64url, numeric_date    small and pure, one idea each
    deadline         by when the work under way must end
    realm            who issues a token, and for whom
    model            the nouns, as frozen values
    errors           what can go wrong, in the field's own words
"""
