/* The attributes of a node as Python sees them: data, grad, label, _operation, _prev, _local. */

/* What a slot of Python's raises that was not set, or was deleted. */
static PyObject *absent(node *v, const char *name)
{
    return PyErr_Format(PyExc_AttributeError, "'%s' object has no attribute '%s'", Py_TYPE(v)->tp_name, name);
}

static PyObject *get_data(node *v, void *unused)
{
    if (v->at && v->at != &v->number) { /* while a function is recorded, a symbol stands for this number */
        core *c = core_of(Py_TYPE(v));
        return c->modes ? PyObject_CallFunction(c->recorded_number, "Od", v, *v->at) : PyFloat_FromDouble(*v->at);
    }
    if (v->at)
        return PyFloat_FromDouble(v->number);
    return v->extra && v->extra->data ? Py_NewRef(v->extra->data) : absent(v, "data");
}

static int set_data(node *v, PyObject *x, void *unused)
{
    int is_native = v->at && v->at != &v->number;
    if (x && is_native && !PyFloat_CheckExact(x)) {
        PyObject *number = PyObject_CallFunction(core_of(Py_TYPE(v))->number_for, "OOs", x, v, "data");
        int status = number ? set_data(v, number, NULL) : -1;
        Py_XDECREF(number);
        return status;
    }
    if (x && PyFloat_CheckExact(x)) {
        v->at = is_native ? v->at : &v->number;
        *v->at = PyFloat_AS_DOUBLE(x);
        x = NULL;
    }
    else if (!extra_of(v))
        return -1;
    else {
        leave_memory(v);
        v->at = NULL;
    }
    if (v->extra)
        Py_XSETREF(v->extra->data, Py_XNewRef(x));
    return 0;
}

static PyObject *get_grad(node *v, void *unused)
{
    if (v->flags & GRAD_IS_OBJECT)
        return v->extra->grad ? Py_NewRef(v->extra->grad) : absent(v, "grad");
    if (v->flags & UNREACHED)
        return Py_NewRef(core_of(Py_TYPE(v))->unreached);
    return v->operation ? PyFloat_FromDouble(v->grad) : absent(v, "grad");
}

static void set_grad_number(node *v, double x)
{
    int was = v->flags;
    v->grad = x;
    v->flags = 0;
    if (was & GRAD_IS_OBJECT)
        Py_CLEAR(v->extra->grad);
}

static int set_grad(node *v, PyObject *x, void *unused)
{
    if (x && PyFloat_CheckExact(x)) {
        set_grad_number(v, PyFloat_AS_DOUBLE(x));
        v->flags = x == core_of(Py_TYPE(v))->unreached ? UNREACHED : v->flags;
        return 0;
    }
    if (!extra_of(v))
        return -1;
    v->flags = GRAD_IS_OBJECT;
    Py_XSETREF(v->extra->grad, Py_XNewRef(x));
    return 0;
}

static PyObject *get_prev(node *v, void *unused)
{
    if (v->operands == MANY)
        return Py_NewRef(v->extra->operands);
    PyObject *operands = PyTuple_New(v->operands);
    for (int i = 0; operands && i < v->operands; i++)
        PyTuple_SET_ITEM(operands, i, Py_NewRef(v->operand[i]));
    return operands;
}

static int set_prev(node *v, PyObject *x, void *unused)
{
    int are_nodes = x && PyTuple_CheckExact(x);
    Py_ssize_t count = are_nodes ? PyTuple_GET_SIZE(x) : 0;
    for (Py_ssize_t i = 0; i < count; i++)
        are_nodes = are_nodes && is_node(core_of(Py_TYPE(v)), PyTuple_GET_ITEM(x, i));
    if (!are_nodes) {
        PyErr_SetString(PyExc_TypeError, "_prev is the tuple of the Values that this one was made from");
        return -1;
    }
    if (count > 2 && !extra_of(v))
        return -1;
    Py_INCREF(x); /* it may be all that keeps the operands alive, which are dropped first */
    drop_operands(v);
    for (int i = 0; i < count && count <= 2; i++)
        v->operand[i] = (node *)Py_NewRef(PyTuple_GET_ITEM(x, i));
    if (count > 2)
        v->extra->operands = Py_NewRef(x);
    v->operands = count > 2 ? MANY : (uint8_t)count;
    Py_DECREF(x);
    return 0;
}

static PyObject *get_local(node *v, void *unused)
{
    if (v->locals == OBJECT)
        return v->extra->local ? Py_NewRef(v->extra->local) : absent(v, "_local");
    const double *numbers = v->locals == MANY ? v->extra->many : v->local;
    PyObject *local = PyTuple_New(local_count(v));
    for (Py_ssize_t i = 0; local && i < local_count(v); i++) {
        PyObject *number = PyFloat_FromDouble(numbers[i]);
        if (number)
            PyTuple_SET_ITEM(local, i, number);
        else
            Py_CLEAR(local);
    }
    return local;
}

static int set_local(node *v, PyObject *x, void *unused)
{
    int are_floats = x && PyTuple_CheckExact(x);
    Py_ssize_t count = are_floats ? PyTuple_GET_SIZE(x) : 0;
    for (Py_ssize_t i = 0; i < count; i++)
        are_floats = are_floats && PyFloat_CheckExact(PyTuple_GET_ITEM(x, i));
    double *many = NULL;
    if ((!are_floats || count > 2) && !extra_of(v))
        return -1;
    if (are_floats && count > 2 && !(many = PyMem_New(double, count))) {
        PyErr_NoMemory();
        return -1;
    }
    Py_XINCREF(x);
    drop_locals(v);
    for (Py_ssize_t i = 0; are_floats && i < count; i++)
        (many ? many : v->local)[i] = PyFloat_AS_DOUBLE(PyTuple_GET_ITEM(x, i));
    v->locals = !are_floats ? OBJECT : many ? MANY : (uint8_t)count;
    if (many) {
        v->extra->many = many;
        v->extra->count = count;
    }
    else if (!are_floats)
        v->extra->local = Py_XNewRef(x);
    Py_XDECREF(x);
    return 0;
}

/* What owns the native memory that the number is in; None if it is in the node. */
static PyObject *get_memory(node *v, void *unused)
{
    return Py_NewRef(v->at && v->at != &v->number ? v->extra->memory : Py_None);
}

static PyGetSetDef node_attributes[] = {
    {"data", (getter)get_data, (setter)set_data, NULL, NULL},
    {"grad", (getter)get_grad, (setter)set_grad, NULL, NULL},
    {"_prev", (getter)get_prev, (setter)set_prev, NULL, NULL},
    {"_local", (getter)get_local, (setter)set_local, NULL, NULL},
    {"_memory", (getter)get_memory, NULL, NULL, NULL},
    {"__dict__", PyObject_GenericGetDict, PyObject_GenericSetDict, NULL, NULL},
    {NULL, NULL, NULL, NULL, NULL}};

static PyMemberDef node_members[] = {
    {"label", T_OBJECT_EX, offsetof(node, label), 0, NULL},
    {"_operation", T_OBJECT_EX, offsetof(node, operation), 0, NULL},
    {"__dictoffset__", T_PYSSIZET, offsetof(node, dict), READONLY, NULL},
    {"__weaklistoffset__", T_PYSSIZET, offsetof(node, weakrefs), READONLY, NULL},
    {NULL, 0, 0, 0, NULL}};
