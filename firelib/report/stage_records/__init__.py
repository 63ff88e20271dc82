"""Records of stages: when they ran, on which nodes, and the tasks that Ray ran for them."""
