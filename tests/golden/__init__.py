"""What the shared media give: numbers only, rewritten by `python -m tests.golden.regenerate`."""
