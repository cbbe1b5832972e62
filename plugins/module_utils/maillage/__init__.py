"""What this project's modules run on a node: standard library only, sent along by the action plugin `node`."""
