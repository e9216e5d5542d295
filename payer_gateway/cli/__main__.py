"""``python -m payer_gateway.cli``: the installed command, for an interpreter that knows no path."""

from payer_gateway.cli import main

if __name__ == "__main__":
    main()
