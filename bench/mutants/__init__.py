"""What the tests would not notice: the core changed in one place at a time, and the tests that run that place.

`make mutants`, or `python -m bench.mutants keys tokens/jws.py` for some of it; its modules:

    changes      every change of one module, from its syntax tree
    sample       the changes to try
    trees        copies of the project, each with one module changed
    trial        pytest in a process of its own, on such a copy
    recorder     plugins of pytest: which test runs which line, and chosen tests alone
    recorded     the tests that run a line, fastest first
    laboratory   a trial on each copy at a time
    reasons      survivors.toml: what survives, each with the reason why it may
    report       what is printed
"""
