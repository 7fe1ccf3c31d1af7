"""Problems, Reasons and Findings: each a code, a sentence, and a remedy."""
