"""What others' libraries do instead of the gate, each as somebody who knows the library would write it.

    pyjwt          an authorizer after AWS's blueprint, with PyJWT and PyJWKClient
    powertools     one with aws-lambda-powertools, and PyJWT
    joserfc        one with joserfc
    chalice        Chalice's own AuthResponse, for the policy alone
    aws_jwt_verify aws-jwt-verify on Node

Each checks the signature, `iss`, `aud` and `exp`, has the keys at hand, and answers with a policy for all
that the user's scopes open (aws-jwt-verify: none).
"""
