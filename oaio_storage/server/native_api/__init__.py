"""What our clients speak, as ``docs/native-api.md`` says; one module for each noun."""
