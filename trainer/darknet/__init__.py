"""Networks of darknet: `.cfg` and `.weights` files, and the model bundle that they become."""
