/* Call machine code with floats and Values, without Python in between. The definitions are Jitted in compiler/jit.py and
   Program in compiler/program.py. What is not plain is left to them: a mode that is on, arguments by name or of another
   kind, something outside that changed, a result or a derivative that is not finite. */

enum { MOST_NUMBERS = 128 }; /* of the numbers that machine code reads and writes; they lie on the stack */

/* Machine code, and what its call needs: made once for a program, and never changed. */
typedef struct code {
    PyObject_HEAD
    void (*run)(double *numbers); /* reads the arguments and the leaves, and writes its outputs after them */
    PyObject *owner;              /* of the machine code */
    PyObject *operation;          /* of the node that a call gives */
    PyObject *kinds;              /* bytes, one for each argument: 1 for a Value, 0 for a float */
    PyObject *leaves;             /* the tuple of Values from outside */
    PyObject *holds;              /* asks whether all is as it was outside; None if the function reads nothing there */
} code;

/* What jit(f) gives: Jitted, in Python, is a subclass. `code` is that of the program used last, or NULL. */
typedef struct call {
    PyObject_HEAD
    PyObject *code;
} call;

/* NULL without an error where Python has to do it. */
static PyObject *call_code(core *c, const code *it, PyObject *args)
{
    Py_ssize_t given = PyBytes_GET_SIZE(it->kinds), count = given + PyTuple_GET_SIZE(it->leaves), derivatives = 0;
    const char *kinds = PyBytes_AS_STRING(it->kinds);
    PyObject *operands[MOST_NUMBERS];
    double numbers[MOST_NUMBERS], local[MOST_NUMBERS], sum = 0.0;
    if (PyTuple_GET_SIZE(args) != given)
        return NULL;
    if (it->holds != Py_None) {
        PyObject *yes = PyObject_CallNoArgs(it->holds);
        Py_XDECREF(yes);
        if (yes != Py_True)
            return NULL;
    }
    if (c->modes)
        return NULL;
    for (Py_ssize_t i = 0; i < count; i++) {
        PyObject *x = operands[i] = i < given ? PyTuple_GET_ITEM(args, i) : PyTuple_GET_ITEM(it->leaves, i - given);
        int values = 0, is_value = i >= given || kinds[i];
        if (!(is_value || PyFloat_CheckExact(x)) || !plain_number(c, x, &numbers[i], &values) || values != is_value)
            return NULL;
        derivatives += is_value;
    }
    it->run(numbers);
    const double *out = numbers + count;
    for (Py_ssize_t i = 0; i <= derivatives; i++)
        sum += out[i];
    if (!isfinite(sum))
        return NULL;
    if (!derivatives)
        return PyFloat_FromDouble(out[0]);
    for (Py_ssize_t i = 0, k = 0; i < count; i++)
        local[i] = i >= given || kinds[i] ? out[++k] : 0.0;
    return recorded(c, it->operation, out[0], count, operands, numbers, local);
}

static PyObject *call_call(call *f, PyObject *args, PyObject *options)
{
    core *c = core_of(Py_TYPE(f));
    PyObject *it = f->code, *out = NULL;
    if (it && Py_TYPE(it) == c->Code && !options && !c->modes) {
        Py_INCREF(it); /* another call may put other code here */
        out = call_code(c, (code *)it, args);
        Py_DECREF(it);
    }
    if (out || PyErr_Occurred())
        return out;
    PyObject *python = PyMethod_New(c->called, (PyObject *)f);
    out = python ? PyObject_Call(python, args, options) : NULL;
    Py_XDECREF(python);
    return out;
}

static PyMemberDef call_members[] = {{"_code", T_OBJECT, offsetof(call, code), 0, NULL}, {NULL, 0, 0, 0, NULL}};

static int call_traverse(call *f, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE(f));
    Py_VISIT(f->code);
    return 0;
}

static int call_clear(call *f)
{
    Py_CLEAR(f->code);
    return 0;
}

static void call_dealloc(call *f)
{
    PyTypeObject *type = Py_TYPE(f);
    PyObject_GC_UnTrack(f);
    call_clear(f);
    type->tp_free(f);
    Py_DECREF(type);
}

/* Code(address, owner, operation, kinds, leaves, holds); None if there are more numbers than fit on the stack. */
static PyObject *code_new(PyTypeObject *type, PyObject *args, PyObject *options)
{
    unsigned long long address;
    PyObject *owner, *operation, *kinds, *leaves, *holds;
    if (!PyArg_ParseTuple(args, "KOOSO!O", &address, &owner, &operation, &kinds, &PyTuple_Type, &leaves, &holds))
        return NULL;
    if (2 * (PyBytes_GET_SIZE(kinds) + PyTuple_GET_SIZE(leaves)) + 1 > MOST_NUMBERS)
        Py_RETURN_NONE;
    code *it = (code *)type->tp_alloc(type, 0);
    if (it) {
        it->run = (void (*)(double *))(uintptr_t)address;
        it->owner = Py_NewRef(owner);
        it->operation = Py_NewRef(operation);
        it->kinds = Py_NewRef(kinds);
        it->leaves = Py_NewRef(leaves);
        it->holds = Py_NewRef(holds);
    }
    return (PyObject *)it;
}

static int code_traverse(code *it, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE(it));
    Py_VISIT(it->owner);
    Py_VISIT(it->operation);
    Py_VISIT(it->leaves);
    Py_VISIT(it->holds);
    return 0;
}

static void code_dealloc(code *it)
{
    PyTypeObject *type = Py_TYPE(it);
    PyObject_GC_UnTrack(it);
    Py_CLEAR(it->owner);
    Py_CLEAR(it->operation);
    Py_CLEAR(it->kinds);
    Py_CLEAR(it->leaves);
    Py_CLEAR(it->holds);
    type->tp_free(it);
    Py_DECREF(type);
}
