"""Tables, migrations, unit of work; one module per thing that is stored."""
