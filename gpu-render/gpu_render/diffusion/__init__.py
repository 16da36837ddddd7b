"""What the engines built on a diffusion model share. Everything here needs PyTorch; nothing outside `engines/` imports it."""
