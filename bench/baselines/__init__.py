"""Code that runs as a Lambda function in bench.cold. It is copied into a package or a layer, and imports
nothing of the bench.

    stopwatch      a handler before another's, which tells the CPU time of that one's start
    keys_at_hand   the gate, with a JWK Set that no network brings
    bare           a Chalice authorizer that allows everything
    peer           an authorizer of bench.peers
    calls_alone    imports and calls to AWS, and nothing else
"""
