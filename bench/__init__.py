"""What Gatehouse costs, each figure a ratio to something measured in the same run (docs/performance.md).

`python -m bench` runs it all; its modules, each of which has `rows()` where it measures something:

    measure        interleaved runs and the ratios of their CPU time
    rows           one line of the table
    issued         access tokens as the service issues them, for those who verify
    hostile        tokens that cost who refuses them as much as they can
    many_routes    access tables of any size
    client         requests of the demo users
    containers     the app in this process, its calls to AWS recorded and made again
    packages       what cold starts, compiled or not
    picture        docs/growth.svg
    baselines/     what our own code is held against
    pieces         the gate's decision taken apart
    gate           the gate's decision, against one raw signature verification
    by_route       a decision by route, against one by policy
    instructions   the same decision counted in instructions (valgrind)
    cold           starts, from the packaged zip
    service        sign-in and refresh
    costs          round trips and capacity units of each operation
    growth         how costs grow
    scale/         what it costs on AWS and where the first limits are, on paper: `python -m bench.scale`
    peers/         what others' libraries do instead
    mutants/       what the tests would not notice: `python -m bench.mutants`
    report         the table, on standard output and in docs/performance.md
"""
