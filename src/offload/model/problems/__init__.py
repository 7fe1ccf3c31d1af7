"""Problems, Reasons and Findings: codes, each with a sentence for the user."""
