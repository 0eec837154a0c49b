"""How a route is said: problems, cursors, exact numbers, the principal, what surrounds a route."""
