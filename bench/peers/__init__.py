"""Other migration tools, installed for a benchmark into a folder of their own, run as their users do."""
