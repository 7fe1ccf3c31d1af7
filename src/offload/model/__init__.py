"""The product's data types: immutable, without input or output; they import only `errors` and `nouns` of ours."""
