"""What leads to a pass or to the return of a table, and when."""
