"""MiniStack with our rules: `python -m lab.launch`. The port and the bind address come from MiniStack's own environment variables."""

from ministack import app

from lab import engine, rules, step_functions

if __name__ == "__main__":
    rules.install()
    engine.install()
    step_functions.install()
    app.main()
