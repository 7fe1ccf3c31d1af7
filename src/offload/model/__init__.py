"""The product's data types: immutable, without input or output; they import nothing else of ours."""
