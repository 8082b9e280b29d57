module tp

go 1.19
